"""Every benchmark by its name, at full size and at the size for a quick look."""

from collections.abc import Callable
from pathlib import Path

from buybuddy.benchmarks import catalogue, edits, export, jobs, live, locks, retrieval, video
from buybuddy.benchmarks.report import BenchmarkReport
from buybuddy.benchmarks.seed import CatalogueSize
from buybuddy.settings import Settings

Benchmark = Callable[[Path, bool], list[BenchmarkReport]]


def _video(scratch: Path, is_short: bool) -> list[BenchmarkReport]:
    return video.run(scratch, n_clips=1 if is_short else 4, duration_s=3.0 if is_short else 5.0)


def _retrieval(scratch: Path, is_short: bool) -> list[BenchmarkReport]:
    settings = Settings()
    return retrieval.run(settings.shared_data, settings.models_dir, scratch, photos_per_product=5 if is_short else 20)


def _api(scratch: Path, is_short: bool) -> list[BenchmarkReport]:
    size = CatalogueSize(20_000, 26_000, 100_000) if is_short else CatalogueSize()
    return [
        *catalogue.run(
            scratch / "catalogue",
            size=size,
            n_each=10 if is_short else 100,
            seconds_at_rate=5.0 if is_short else 30.0,
            n_rounds=3 if is_short else 9,
        ),
        *edits.run(scratch / "edits", n_edits=2_000 if is_short else 100_000),
        *locks.run(scratch / "locks", n_rounds=200 if is_short else 10_000),
        *live.run(scratch / "live", n_streams=50 if is_short else 500, n_reconnects=100 if is_short else 1_000),
    ]


def _export(scratch: Path, is_short: bool) -> list[BenchmarkReport]:
    if is_short:
        return export.run(scratch, n_images=1_000, n_products=5_000)
    return export.run(scratch, n_images=10_000, n_products=100_000)


def _queue(scratch: Path, is_short: bool) -> list[BenchmarkReport]:
    return [
        *jobs.run(scratch / "one-by-one", n_jobs=30 if is_short else 200),
        *jobs.run_at_rate(scratch / "at-rate", seconds=5.0 if is_short else 60.0),
    ]


BENCHMARKS: dict[str, Benchmark] = {
    "video": _video,
    "retrieval": _retrieval,
    "api": _api,
    "export": _export,
    "queue": _queue,
}
