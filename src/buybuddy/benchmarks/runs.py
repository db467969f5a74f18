"""Every benchmark by its name, at full size and at the size for a quick look."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from buybuddy.benchmarks import (
    augment,
    candidates,
    catalogue,
    edits,
    export,
    index,
    ingest,
    jobs,
    live,
    locks,
    retrieval,
    video,
)
from buybuddy.benchmarks.pool import Pool
from buybuddy.benchmarks.report import BenchmarkReport
from buybuddy.benchmarks.seed import CatalogueSize
from buybuddy.settings import Settings


@dataclass(frozen=True)
class Run:
    """How a benchmark is to be run.

    Args:
        scratch: an empty folder, gone afterwards.
        is_short: for a quick look, as in CI.
        catalogue: a home whose catalogue `api` measures, or whose pool `candidates` does; filled when it is empty, and
            kept; in `scratch` when None.
        n_vectors: of the index that `index` measures; a million when None.
    """

    scratch: Path
    is_short: bool = False
    catalogue: Path | None = None
    n_vectors: int | None = None


Benchmark = Callable[[Run], list[BenchmarkReport]]


def _video(run: Run) -> list[BenchmarkReport]:
    return video.run(run.scratch, n_clips=1 if run.is_short else 4, duration_s=3.0 if run.is_short else 5.0)


def _retrieval(run: Run) -> list[BenchmarkReport]:
    settings = Settings()
    return retrieval.run(
        settings.shared_data, settings.models_dir, run.scratch, photos_per_product=5 if run.is_short else 20
    )


def _catalogue(run: Run) -> list[BenchmarkReport]:
    return catalogue.run(
        run.catalogue or run.scratch / "catalogue",
        size=CatalogueSize(20_000, 26_000, 100_000) if run.is_short else CatalogueSize(),
        n_each=10 if run.is_short else 100,
        seconds_at_rate=5.0 if run.is_short else 30.0,
        n_rounds=3 if run.is_short else 9,
    )


def _ingest(run: Run) -> list[BenchmarkReport]:
    settings = Settings()
    size = (12, 2) if run.is_short else (64, 5)
    return ingest.run(settings.shared_data, settings.models_dir, run.scratch, n_photos=size[0], n_rounds=size[1])


def _api(run: Run) -> list[BenchmarkReport]:
    n_streams, n_reconnects = (50, 100) if run.is_short else (500, 1_000)
    return [
        *_catalogue(run),
        *edits.run(run.scratch / "edits", n_edits=2_000 if run.is_short else 100_000),
        *locks.run(run.scratch / "locks", n_rounds=200 if run.is_short else 10_000),
        *live.run(run.scratch / "live", n_streams=n_streams, n_reconnects=n_reconnects),
    ]


def _candidates(run: Run) -> list[BenchmarkReport]:
    pool = Pool(20_000) if run.is_short else Pool()
    return candidates.run(run.catalogue or run.scratch, pool=pool, n_asked=20 if run.is_short else 100)


def _index(run: Run) -> list[BenchmarkReport]:
    n_vectors = run.n_vectors or (50_000 if run.is_short else 1_000_000)
    size = index.Size(n_vectors, n_exact=20_000) if run.is_short else index.Size(n_vectors)
    return index.run(run.scratch, size)


def _augment(run: Run) -> list[BenchmarkReport]:
    short = augment.Size(n_sources=2, n_per_source=20, n_naive=4, n_rate=40, n_products=200)
    return augment.run(run.scratch, short if run.is_short else augment.Size())


def _export(run: Run) -> list[BenchmarkReport]:
    if run.is_short:
        return export.run(run.scratch, n_images=1_000, n_products=5_000)
    return export.run(run.scratch, n_images=10_000, n_products=100_000)


def _queue(run: Run) -> list[BenchmarkReport]:
    return [
        *jobs.run(run.scratch / "one-by-one", n_jobs=30 if run.is_short else 200),
        *jobs.run_at_rate(run.scratch / "at-rate", seconds=5.0 if run.is_short else 60.0),
    ]


BENCHMARKS: dict[str, Benchmark] = {
    "video": _video,
    "retrieval": _retrieval,
    "ingest": _ingest,
    "api": _api,
    "catalogue": _catalogue,
    "candidates": _candidates,
    "index": _index,
    "augment": _augment,
    "export": _export,
    "queue": _queue,
}
