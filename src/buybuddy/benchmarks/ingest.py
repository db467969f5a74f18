"""How fast photos are read into the pool, beside the bare encoder on the same decoded pictures.

The encoder's share is finding the product and the network; the stage's is that and all the rest: reading, decoding,
thumbnails, hashes, barcodes, storing. Both take turns in one process, so that a noisy machine is noisy for both. Data:
the development part of the Grocery Store Dataset (Klasson et al., WACV 2019).
"""

import io
import multiprocessing
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.benchmarks.grocery import unpack_grocery
from buybuddy.benchmarks.report import BenchmarkReport
from buybuddy.infra.storage import ObjectStorage
from buybuddy.ml.images import read_image_rgb
from buybuddy.ml.retrieval.encoder import Encoder
from buybuddy.stages.embed_images import load_encoder
from buybuddy.stages.messages import Run, Setup
from buybuddy.stages.process import Answers, ProcessContext
from buybuddy.stages.read_photos import read_photos
from buybuddy.stages.specs import PhotoInput, ReadPhotosSpec

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

UInt8Array = npt.NDArray[np.uint8]

_MAX_SIDE_PX = 2400  # as the stage decodes them
_PATIENCE_S = 1800.0


@dataclass(frozen=True)
class Rates:
    """Photos a second in the median round, and seconds of this process's CPU a photo."""

    stage: float
    encoder: float
    stage_cpu_s: float
    encoder_cpu_s: float


@dataclass(frozen=True)
class _Turn:
    """How long one round took, by the clock and on the CPU."""

    wall_s: float
    cpu_s: float


@dataclass(frozen=True)
class _Work:
    setup: Setup
    keys: tuple[str, ...]
    n_rounds: int


def run(
    data_dir: Path, models_dir: Path, scratch_dir: Path, *, n_photos: int = 64, n_rounds: int = 5
) -> list[BenchmarkReport]:
    """Measure one process, and two at the same time; an empty list when the photos are not there.

    Args:
        data_dir: folder with `grocery-dev.tar.gz`.
        models_dir: folder with the exported encoder.
        scratch_dir: an empty folder, gone afterwards.
        n_photos: how many, spread over all products, are read in each round.
    """
    products = unpack_grocery(data_dir, scratch_dir / "photos", 0)
    if not products:
        return []
    paths = [path for product in products for path in product.photos]
    chosen = [paths[i] for i in np.linspace(0, len(paths) - 1, n_photos).round().astype(int)]
    storage = ObjectStorage(f"file://{scratch_dir / 'storage'}")
    keys = tuple(f"real-images/{number}/photo.jpg" for number in range(len(chosen)))
    for key, path in zip(keys, chosen, strict=True):
        storage.put(key, path.read_bytes())
    setup = Setup(storage_url=storage.url, scratch_dir=scratch_dir / "scratch", models_dir=models_dir, n_threads=1)
    work = _Work(setup, keys, n_rounds)
    return [_report(_measure_at_once(work, n_processes), n_processes, len(keys)) for n_processes in (1, 2)]


def _report(rates: Sequence[Rates], n_processes: int, n_photos: int) -> BenchmarkReport:
    stage, encoder = sum(one.stage for one in rates), sum(one.encoder for one in rates)
    return BenchmarkReport(
        name="ingest.photos_per_s",
        value=stage,
        unit="photos/s",
        baseline=encoder,
        ratio=stage / encoder,
        details={
            "processes": n_processes,
            "photos": n_photos,
            "threads each": 1,
            # What other work on the machine does not disturb.
            "ratio by CPU time": round(
                sum(one.encoder_cpu_s for one in rates) / sum(one.stage_cpu_s for one in rates), 3
            ),
        },
    )


def _measure_at_once(work: _Work, n_processes: int) -> list[Rates]:
    spawning = multiprocessing.get_context("spawn")
    barrier, answers = spawning.Barrier(n_processes), spawning.Queue()
    processes = [spawning.Process(target=_measure, args=(work, barrier, answers)) for _ in range(n_processes)]
    for process in processes:
        process.start()
    try:
        return [answers.get(timeout=_PATIENCE_S) for _ in processes]
    finally:
        for process in processes:
            process.join(timeout=10)
            process.kill()


def _measure(work: _Work, barrier: Barrier, answers: "Queue[Rates]") -> None:
    """Let the stage and the bare encoder take turns; all processes begin each turn together."""
    cv2.setNumThreads(1)
    encoder = load_encoder(work.setup.models_dir, work.setup.n_threads)
    storage = ObjectStorage(work.setup.storage_url)
    pictures = [read_image_rgb(storage.download(key, Path()), max_side_px=_MAX_SIDE_PX) for key in work.keys]
    encoder.embed(pictures[:2], [None, None])
    name = multiprocessing.current_process().name
    of_stage, of_encoder = [], []
    for number in range(work.n_rounds):
        barrier.wait(_PATIENCE_S)
        of_encoder.append(_time(partial(_embed, encoder, pictures)))
        barrier.wait(_PATIENCE_S)
        of_stage.append(_time(partial(_read, work, f"{name}-{number}")))
    n = len(pictures)
    walls = [n / float(np.median([turn.wall_s for turn in turns])) for turns in (of_stage, of_encoder)]
    cpus = [float(np.median([turn.cpu_s for turn in turns])) / n for turns in (of_stage, of_encoder)]
    answers.put(Rates(walls[0], walls[1], cpus[0], cpus[1]))


def _time(work: Callable[[], None]) -> _Turn:
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    work()
    return _Turn(time.perf_counter() - wall_s, time.process_time() - cpu_s)


def _embed(encoder: Encoder, pictures: Sequence[UInt8Array]) -> None:
    for start in range(0, len(pictures), 8):
        some = pictures[start : start + 8]
        encoder.embed(some, [None] * len(some))


def _read(work: _Work, attempt_id: str) -> None:
    photos = tuple(PhotoInput(photo_id=str(number), key=key) for number, key in enumerate(work.keys))
    spec = ReadPhotosSpec(photos=photos, output_prefix=f"real-images/readings/{attempt_id}/")
    context = ProcessContext(
        work.setup, Run(attempt_id=attempt_id, spec=spec), Answers(io.StringIO()), threading.Event()
    )
    try:
        read_photos(spec, context)
    finally:
        context.close()
