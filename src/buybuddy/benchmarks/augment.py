"""Augmentation beside the plain way of doing it, with the same segmenter and the same number of outputs, in one run.

Sources are frames of the platform's own sample clips; backgrounds are drawn shelves, as files.
"""

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image

from buybuddy.benchmarks.augment_naive import FloatArray, UInt8Array, make_one
from buybuddy.benchmarks.report import BenchmarkReport
from buybuddy.domain.augmentation.rules import SHARD_SOURCES
from buybuddy.ml.augmentation.drawing import open_stream
from buybuddy.ml.augmentation.shelves import draw_shelf
from buybuddy.ml.segmentation.u2netp import U2NetP, find_weights
from buybuddy.ml.video.decode import iter_frames
from buybuddy.recipes import HEAVY, PUBLISHED, STORE, Recipe
from buybuddy.samples.catalogue import list_sample_products
from buybuddy.samples.clip import write_sample_clip
from buybuddy.stages import augment_dataset as stage
from buybuddy.stages.folder import FolderContext
from buybuddy.stages.specs import AugmentDatasetSpec, AugmentSource, PictureInput

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

ONLY_HEAVY = Recipe(cut_outs=(HEAVY,))
SEGMENTER_COSTS_S = (0.05, 0.36, 1.0, 3.0, 6.0, 20.0)
SIDE_PX, N_BACKGROUNDS = 518, 16
_PATIENCE_S = 1800.0


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    n_sources: int = 4
    n_per_source: int = 200
    n_naive: int = 16
    n_rate: int = 600
    n_products: int = 10_000


def run(folder: Path, size: Size) -> list[BenchmarkReport]:
    """Measure against the plain way, the rate on one and two cores, where time goes, and memory.

    Args:
        folder: an empty one.
    """
    cv2.setNumThreads(1)
    ground = _prepare(folder, size.n_sources)
    naive_s, naive_segmenting_s = _time_naive(ground, size.n_naive)
    ours_s, ours_segmenting_s = _time_ours(ground, size.n_per_source)
    return [
        _compare(naive_s, naive_segmenting_s, ours_s, ours_segmenting_s, size),
        *_curve(naive_s - naive_segmenting_s, ours_s - ours_segmenting_s / size.n_per_source, size.n_per_source),
        *_measure_rates(ground, size.n_rate),
        _measure_tail(ground, size.n_rate),
        _measure_memory(ground, size.n_products),
    ]


@dataclass(frozen=True)
class Ground:
    """Sources, their mattes and backgrounds, as files below a folder."""

    folder: Path
    sources: tuple[str, ...]
    mattes: tuple[str, ...]
    backgrounds: tuple[str, ...]

    def spec(
        self, n_each: int, recipe: Recipe, *, prefix: str, has_mattes: bool, n_products: int | None = None
    ) -> AugmentDatasetSpec:
        n = len(self.sources) if n_products is None else n_products
        return AugmentDatasetSpec(
            run_id="bench",
            shard=0,
            sources=tuple(
                AugmentSource(
                    image_id=f"{number:06d}",
                    product_id=f"{number:06d}",
                    key=self.sources[number % len(self.sources)],
                    sha256=str(number),
                    stem="frame",
                    domain="synthetic",
                    first_number=0,
                    n_wanted=n_each,
                    matte_key=self.mattes[number % len(self.mattes)] if has_mattes else None,
                )
                for number in range(n)
            ),
            recipe=recipe,
            seed=1,
            backgrounds=tuple(PictureInput(key=key) for key in self.backgrounds),
            output_prefix=prefix,
        )


def _prepare(folder: Path, n_sources: int) -> Ground:
    sources, mattes = [], []
    network = U2NetP(find_weights(), 1)
    for number, product in enumerate(list_sample_products(n_sources)):
        clip = write_sample_clip(product, folder / f"{number}.mp4", seed=number, duration_s=0.2, has_hand=False)
        frame = next(iter(iter_frames(clip.path))).to_rgb()
        height, width = frame.shape[:2]
        side = min(height, width)
        left, top = (width - side) // 2, (height - side) // 2
        square = cv2.resize(frame[top : top + side, left : left + side], (SIDE_PX, SIDE_PX))
        matte = cv2.resize(network.saliency(np.asarray(square, np.uint8)), (SIDE_PX, SIDE_PX))
        Image.fromarray(np.asarray(square, np.uint8)).save(folder / f"{number}.png")
        Image.fromarray((matte * 255).astype(np.uint8)).save(folder / f"{number}-matte.png")
        sources.append(f"{number}.png")
        mattes.append(f"{number}-matte.png")
    backgrounds = []
    for number in range(N_BACKGROUNDS):
        shelf = draw_shelf(open_stream("bench", number), 640, ())
        Image.fromarray(shelf.rgb).save(folder / f"shelf-{number}.jpg", quality=92)
        backgrounds.append(f"shelf-{number}.jpg")
    return Ground(folder, tuple(sources), tuple(mattes), tuple(backgrounds))


def _time_naive(ground: Ground, n: int) -> tuple[float, float]:
    """Return the seconds an output takes, and those of them that the segmenter takes."""
    network = U2NetP(find_weights(), 1)
    spent_s = 0.0

    def segment(picture: UInt8Array) -> FloatArray:
        nonlocal spent_s
        began_s = time.perf_counter()
        matte = network.saliency(picture)
        spent_s += time.perf_counter() - began_s
        return matte

    backgrounds = [ground.folder / key for key in ground.backgrounds]
    make_one(ground.folder / ground.sources[0], backgrounds, ground.folder / "warm.jpg", 0, PUBLISHED, segment)
    spent_s, began_s = 0.0, time.perf_counter()
    for number in range(n):
        source = ground.folder / ground.sources[number % len(ground.sources)]
        make_one(source, backgrounds, ground.folder / f"naive-{number}.jpg", number, PUBLISHED, segment)
    return (time.perf_counter() - began_s) / n, spent_s / n


def _time_ours(ground: Ground, n_each: int) -> tuple[float, float]:
    """Return the seconds an output takes, and those that the segmenter takes for a source."""
    context = FolderContext(ground.folder, output_prefix="ours/")
    spent = _Spent()
    with _timing(U2NetP, "saliency", spent):
        began_s = time.perf_counter()
        result = stage.augment_dataset(ground.spec(n_each, PUBLISHED, prefix="ours/", has_mattes=False), context)
        ours_s = time.perf_counter() - began_s
    return ours_s / len(result.images), spent.seconds / len(ground.sources)


def _compare(
    naive_s: float, naive_segmenting_s: float, ours_s: float, ours_segmenting_s: float, size: Size
) -> BenchmarkReport:
    return BenchmarkReport(
        "augment.against_naive",
        1 / ours_s,
        "images/s",
        baseline=1 / naive_s,
        ratio=naive_s / ours_s,
        details={
            "outputs per source": size.n_per_source,
            "sources": size.n_sources,
            "naive without its segmenter": f"{1000 * (naive_s - naive_segmenting_s):.0f} ms",
            "a cut-out": f"{naive_segmenting_s:.2f} s naive, {ours_segmenting_s:.2f} s ours, once a source",
        },
    )


def _curve(naive_rest_s: float, ours_rest_s: float, n_per_source: int) -> Iterator[BenchmarkReport]:
    """Yield the ratio for segmenters of other costs, counted from what was measured of everything else."""
    for cost_s in SEGMENTER_COSTS_S:
        naive_s, ours_s = naive_rest_s + cost_s, ours_rest_s + cost_s / n_per_source
        yield BenchmarkReport(
            "augment.ratio_by_segmenter",
            naive_s / ours_s,
            "times",
            details={
                "a cut-out": f"{cost_s} s",
                "outputs per source": n_per_source,
                "from": "the figure above",
            },
        )


def _measure_rates(ground: Ground, n: int) -> Iterator[BenchmarkReport]:
    """Yield pictures a second with mattes at hand, on one core and on two at the same time."""
    for name, recipe in (("heavy", ONLY_HEAVY), ("published", PUBLISHED), ("store", STORE)):
        alone = _rate_at_once(ground, recipe, n, 1)
        together = _rate_at_once(ground, recipe, n, 2)
        yield BenchmarkReport(
            f"augment.rate_{name}",
            alone,
            "images/s and core",
            details={
                "two cores": f"{together:.0f} images/s",
                "ratio of two": round(together / alone, 3),
                "images": n,
            },
        )


def _rate_at_once(ground: Ground, recipe: Recipe, n: int, n_processes: int) -> float:
    """Return pictures a second of processes that begin together, summed; reading and shelves are warm."""
    spawning = multiprocessing.get_context("spawn")
    barrier, answers = spawning.Barrier(n_processes), spawning.Queue()
    arguments = [(ground, recipe, n, number, barrier, answers) for number in range(n_processes)]
    processes = [spawning.Process(target=_work, args=one) for one in arguments]
    for process in processes:
        process.start()
    try:
        rates: list[float] = [answers.get(timeout=_PATIENCE_S) for _ in processes]
        return sum(rates)
    finally:
        for process in processes:
            process.join(timeout=10)
            process.kill()


def _work(ground: Ground, recipe: Recipe, n: int, number: int, barrier: Barrier, answers: "Queue[float]") -> None:
    cv2.setNumThreads(1)
    prefix = f"rate-{number}-{n}-{time.time_ns()}/"
    warm = ground.spec(4, recipe, prefix=f"warm-{prefix}", has_mattes=True)
    stage.augment_dataset(warm, FolderContext(ground.folder, output_prefix=warm.output_prefix))
    spec = ground.spec(n // len(ground.sources), recipe, prefix=prefix, has_mattes=True)
    context = FolderContext(ground.folder, output_prefix=prefix)
    barrier.wait(_PATIENCE_S)
    began_s = time.perf_counter()
    result = stage.augment_dataset(spec, context)
    answers.put(len(result.images) / (time.perf_counter() - began_s))
    barrier.wait(_PATIENCE_S)


def _measure_tail(ground: Ground, n: int) -> BenchmarkReport:
    """Say how much of the time goes into encoding and writing, with mattes at hand."""
    parts = {"encoding": _Spent(), "writing": _Spent(), "pictures": _Spent()}
    spec = ground.spec(n // len(ground.sources), ONLY_HEAVY, prefix="tail/", has_mattes=True)
    with (
        _timing(stage, "encode_jpeg", parts["encoding"]),
        _timing(FolderContext, "write_output", parts["writing"]),
        _timing(stage, "make_picture", parts["pictures"]),
    ):
        began_s = time.perf_counter()
        stage.augment_dataset(spec, FolderContext(ground.folder, output_prefix="tail/"))
        whole_s = time.perf_counter() - began_s
    shares = {name: f"{spent.seconds / whole_s:.3f}" for name, spent in parts.items()}
    tail_s = parts["encoding"].seconds + parts["writing"].seconds
    details: dict[str, float | int | str] = {**shares, "images": n}
    return BenchmarkReport("augment.encode_and_write", tail_s / whole_s, "share of the time", details=details)


def _measure_memory(ground: Ground, n_products: int) -> BenchmarkReport:
    """Say how much more memory many products take than ten, a picture of each."""
    few, many = (_peak_of(ground, n) for n in (10, n_products))
    details = {"products": f"10 to {n_products}", "peak of ten": f"{few:.0f} MB"}
    return BenchmarkReport("augment.memory_growth", many - few, "MB", details=details)


def _peak_of(ground: Ground, n_products: int) -> float:
    spawning = multiprocessing.get_context("spawn")
    answers: Queue[float] = spawning.Queue()
    process = spawning.Process(target=_fill, args=(ground, n_products, answers))
    process.start()
    try:
        return answers.get(timeout=_PATIENCE_S)
    finally:
        process.join(timeout=10)
        process.kill()


def _fill(ground: Ground, n_products: int, answers: "Queue[float]") -> None:
    """Make the shards of a run, one after another, as a stage process does."""
    cv2.setNumThreads(1)
    small = PUBLISHED.model_copy(update={"side_px": 128})
    whole = ground.spec(1, small, prefix="memory/", has_mattes=True, n_products=n_products)
    for start in range(0, n_products, SHARD_SOURCES):
        prefix = f"memory-{n_products}-{start}/"
        part = whole.model_copy(
            update={"sources": whole.sources[start : start + SHARD_SOURCES], "output_prefix": prefix}
        )
        stage.augment_dataset(part, FolderContext(ground.folder, output_prefix=prefix))
    answers.put(_peak_mb())


def _peak_mb() -> float:
    """Return the most memory that this program has had; getrusage would count what its parent had before it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


@dataclass
class _Spent:
    seconds: float = 0.0


@contextmanager
def _timing(owner: object, name: str, spent: _Spent) -> Iterator[None]:
    """Add up how long calls of a function take."""
    function = getattr(owner, name)

    def timed(*args: object, **kwargs: object) -> object:
        began_s = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            spent.seconds += time.perf_counter() - began_s

    setattr(owner, name, timed)
    try:
        yield
    finally:
        setattr(owner, name, function)
