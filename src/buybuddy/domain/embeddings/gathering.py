"""Writing the vectors of a frozen version's images into parts, in the worker, some thousand images at a time."""

import asyncio
import io
import uuid
from collections.abc import Sequence

import numpy as np

from buybuddy.domain.datasets.versions.manifests import ManifestImage, OpenManifest
from buybuddy.domain.datasets.versions.open_manifests import OpenManifests
from buybuddy.domain.embeddings import repository
from buybuddy.domain.embeddings.repository import FloatArray
from buybuddy.domain.embeddings.service import check_unbuilt, get_index, parts_prefix
from buybuddy.domain.jobs.batches import BatchProgress, BatchStep, Checkpoint
from buybuddy.domain.jobs.tables import Job
from buybuddy.errors import StageFailed
from buybuddy.infra.db import Session
from buybuddy.infra.storage import ObjectStorage
from buybuddy.stages.specs import ItemFailure

IMAGES_OF_PART = 10_000  # 54 MB where the encoder has 1,352 dims
NO_VECTOR = "It has no vector of this encoder; extract the dataset's vectors, then build again."
IS_GONE = "It is not in the catalogue any more."


def build_gathering(storage: ObjectStorage, *, images_of_part: int = IMAGES_OF_PART) -> BatchStep:
    """Build the step that writes the next part: the images of the manifest from the one on that the cursor numbers.

    A part is named after the place that it begins at, so that a batch which is done again writes the same object.
    Augmented images have no vectors of their own (extraction.py): they are counted, and nobody is told to extract them.
    """
    manifests = OpenManifests(storage)

    async def gather(session: Session, job: Job, checkpoint: Checkpoint) -> BatchProgress:
        index = await get_index(session, job.subject_id)
        check_unbuilt(index)
        version = await repository.get_version(session, index)
        if version is None:
            raise StageFailed("The frozen version that the index was to be of was deleted.")
        start = int(checkpoint.cursor or 0)
        manifest = await manifests.open(job.id, version)
        images = await asyncio.to_thread(_read_images, manifest, start, images_of_part)
        ids, vectors = await repository.vectors_of(
            session, index.encoder_id, [uuid.UUID(image.image_id) for image in images]
        )
        part_key = f"{parts_prefix(index.id)}{start:012d}.npz"
        if ids:
            by_id = {image.image_id: image for image in images}
            data = _encode([by_id[str(image_id)] for image_id in ids], vectors)
            await asyncio.to_thread(storage.put, part_key, data)
        else:  # an earlier attempt may have found some
            await asyncio.to_thread(storage.delete_one, part_key)
        found = set(ids)
        missing = [image for image in images if uuid.UUID(image.image_id) not in found]
        failures = await _explain(session, [image for image in missing if image.image_type != "augmented"])
        end = start + len(images)
        is_last = len(images) < images_of_part or end >= version.n_images
        if is_last:
            manifests.close(job.id)
        after = checkpoint.after(None if is_last else str(end), len(ids), failures, len(missing) - len(failures))
        if is_last and after.n_done == 0:
            raise StageFailed("None of the version's images has a vector of this encoder; extract them first.")
        return BatchProgress(after, end / max(version.n_images, 1), f"gathering vectors: {after.n_done}")

    return gather


def _read_images(manifest: OpenManifest, start: int, n: int) -> list[ManifestImage]:
    images: list[ManifestImage] = []
    for some in manifest.read(n, start=start):
        images += some[: n - len(images)]
        if len(images) == n:
            break
    return images


def _encode(images: Sequence[ManifestImage], vectors: FloatArray) -> bytes:
    buffer = io.BytesIO()
    np.savez(
        buffer,
        allow_pickle=False,
        vectors=vectors,
        ids=_uuids([image.image_id for image in images]),
        products=_uuids([image.product_id for image in images]),
        domains=np.array([image.domain for image in images], dtype=np.str_),
    )
    return buffer.getvalue()


def _uuids(ids: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    raw = b"".join(uuid.UUID(one).bytes for one in ids)
    return np.frombuffer(raw, dtype=np.uint8).reshape(len(ids), 16)


async def _explain(session: Session, missing: Sequence[ManifestImage]) -> list[ItemFailure]:
    there = await repository.products_of(session, [uuid.UUID(image.image_id) for image in missing])
    return [
        ItemFailure(
            item=image.image_id,
            label=image.storage_key,
            reason=NO_VECTOR if uuid.UUID(image.image_id) in there else IS_GONE,
        )
        for image in missing
    ]
