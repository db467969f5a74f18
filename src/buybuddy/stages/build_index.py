"""Stage: build a published index of vectors that were gathered into parts."""

from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt

from buybuddy.errors import StageFailed
from buybuddy.infra.vectors import IndexOrigin
from buybuddy.infra.vectors.building import Source
from buybuddy.infra.vectors.building import build_index as build
from buybuddy.infra.vectors.facts import FACTS_NAME, FILE_NAMES
from buybuddy.infra.vectors.faiss_library import use_threads
from buybuddy.stages.context import StageContext
from buybuddy.stages.specs import BuildIndexResult, BuildIndexSpec

Part = dict[str, npt.NDArray[np.generic]]


def build_index(spec: BuildIndexSpec, context: StageContext) -> BuildIndexResult:
    """Build an index of every vector in the parts, and write its folder under the output prefix.

    Raises: StageFailed when there is no vector, when they are not as many as were gathered or do not fit the encoder,
        StageCancelled, NotFound, Unavailable.
    """
    use_threads(context.n_threads)
    source, domains = _gather(spec, context)
    origin = IndexOrigin(
        encoder_name=spec.encoder.name,
        encoder_weights_sha256=spec.encoder.weights_sha256,
        encoder_preprocessing=spec.encoder.preprocessing,
        dataset_version_id=spec.dataset_version_id,
        domains=domains,
    )

    def report(share: float, step: str) -> None:
        context.raise_if_cancelled()
        context.report(0.1 + 0.8 * share, step)

    folder = context.scratch_dir / "index"
    folder.mkdir()
    facts = build(source, folder, spec.kind, origin, report)
    for name in (*FILE_NAMES, FACTS_NAME):
        context.raise_if_cancelled()
        context.report(0.92, f"storing {name}")
        context.write_output_file(f"{spec.output_prefix}{name}", folder / name)
    context.report(1.0, "done")
    return BuildIndexResult(index_prefix=spec.output_prefix, facts=facts)


def _gather(spec: BuildIndexSpec, context: StageContext) -> tuple[Source, dict[str, int]]:
    """Put the parts one behind the other into a file of the scratch folder, which is then mapped: memory stays free."""
    path, dim, n = context.scratch_dir / "vectors.f32", spec.encoder.dim, 0
    ids, products, domains = [], [], Counter[str]()
    with path.open("wb") as file:
        for number, key in enumerate(spec.part_keys):
            context.raise_if_cancelled()
            context.report(0.1 * number / len(spec.part_keys), f"reading part {number + 1}/{len(spec.part_keys)}")
            part = _read_part(context.read_input(key), context)
            vectors = np.asarray(part["vectors"], dtype=np.float32)
            if vectors.shape != (len(part["ids"]), dim) or not np.isfinite(vectors).all():
                raise StageFailed(
                    f"A part has vectors of {vectors.shape}, not {(len(part['ids']), dim)}, or broken ones."
                )
            file.write(vectors.tobytes())
            ids.append(np.asarray(part["ids"], dtype=np.uint8))
            products.append(np.asarray(part["products"], dtype=np.uint8))
            domains.update(part["domains"].astype(np.str_).tolist())
            n += len(vectors)
    if n == 0:
        raise StageFailed("There is no vector to build an index of.")
    if spec.n_vectors not in (None, n):
        raise StageFailed(f"{spec.n_vectors} vectors were gathered and {n} are left; delete it and build it anew.")
    mapped = np.memmap(path, dtype=np.float32, mode="r", shape=(n, dim))
    return Source(mapped, np.concatenate(ids), np.concatenate(products)), dict(domains)


def _read_part(path: Path, context: StageContext) -> Part:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    finally:
        if path.is_relative_to(context.scratch_dir):
            path.unlink(missing_ok=True)
