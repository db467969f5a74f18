"""The video stage against a loop that runs the network on every frame, on the same rendered clips, in the same run."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.benchmarks.report import BenchmarkReport
from buybuddy.ml.segmentation.masks import find_components, mask_iou
from buybuddy.ml.segmentation.u2netp import U2NetP, find_weights
from buybuddy.ml.video.crop import IntBoxXyxy
from buybuddy.ml.video.decode import iter_frames
from buybuddy.samples.catalogue import list_sample_products
from buybuddy.samples.clip import TruthMasks, read_truth_masks, write_sample_clip
from buybuddy.stages.folder import FolderContext
from buybuddy.stages.segment_video import load_segmenter, segment_video
from buybuddy.stages.specs import SegmentVideoResult, SegmentVideoSpec

UInt8Array = npt.NDArray[np.uint8]
BoolArray = npt.NDArray[np.bool_]

_SIZE_WH = (1280, 720)


class TimedContext(FolderContext):
    """Notes when the labels began to be read."""

    reading_from_s: float | None = None

    def report(self, fraction: float, step: str) -> None:
        if self.reading_from_s is None and step.startswith("reading labels"):
            self.reading_from_s = time.perf_counter()


def run(
    folder: Path, *, n_clips: int = 4, duration_s: float = 5.0, n_threads: int | None = None
) -> list[BenchmarkReport]:
    """Measure speed and mask quality of the stage and of the naive loop.

    Args:
        folder: an empty folder for clips and frames.
        n_clips: half of them with a hand; 1 is the short form.
        duration_s: of each clip, at 30 frames a second and 1280×720.
        n_threads: for both; the machine's cores by default.
    Returns: speed against the naive loop, speed end to end, and mask quality.
    """
    threads = n_threads or os.cpu_count() or 1
    network = U2NetP(find_weights(), threads)
    load_segmenter(threads)
    products = list_sample_products()
    clip_s = stage_s = naive_s = 0.0
    n_frames = 0
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(n_clips):
        clip = write_sample_clip(
            products[number * 5 % len(products)],
            folder / f"clip{number}.mp4",
            seed=100 + number,
            duration_s=duration_s,
            has_hand=number % 2 == 1,
        )
        truth = read_truth_masks(clip.truth_path)
        context = TimedContext(folder, n_threads=threads)
        begin = time.perf_counter()
        spec = SegmentVideoSpec(video_key=clip.path.name, output_prefix=f"out{number}/")
        result = segment_video(spec, context)
        end = time.perf_counter()
        stage_s += end - begin
        clip_s += (context.reading_from_s or end) - begin
        n_frames += clip.n_frames
        ours += measure_ious(result, truth, folder)
        begin = time.perf_counter()
        masks = segment_every_frame(network, clip.path, folder / f"naive{number}", threads)
        naive_s += time.perf_counter() - begin
        accepted = {frame.source_frame for frame in result.frames}
        theirs += [mask_iou(mask, truth[index]) for index, mask in enumerate(masks) if index in accepted]
    return _build_reports(n_frames, clip_s, stage_s, naive_s, ours, theirs, n_clips)


def _build_reports(
    n_frames: int,
    clip_s: float,
    stage_s: float,
    naive_s: float,
    ours: Sequence[float],
    theirs: Sequence[float],
    n_clips: int,
) -> list[BenchmarkReport]:
    speed, naive, whole = n_frames / clip_s, n_frames / naive_s, n_frames / stage_s
    iou, naive_iou = float(np.mean(ours)), float(np.mean(theirs))
    circumstances: dict[str, float | int | str] = {"n_clips": n_clips, "n_source_frames": n_frames, "size": "1280x720"}
    quality: dict[str, float | int | str] = {
        "n_accepted": len(ours),
        "min_iou": round(min(ours), 4),
        "n_under_0.75": sum(value < 0.75 for value in ours),
        "naive_min_iou": round(min(theirs), 4),
        "difference": round(iou - naive_iou, 4),
    }
    return [
        BenchmarkReport("video.frames_per_s", speed, "source frames/s", naive, speed / naive, circumstances),
        BenchmarkReport("video.frames_per_s_with_labels", whole, "source frames/s", 8.0, whole / 8.0, circumstances),
        BenchmarkReport("video.mean_iou", iou, "IoU", naive_iou, iou / naive_iou, quality),
    ]


def segment_every_frame(network: U2NetP, path: Path, folder: Path, n_threads: int) -> list[BoolArray]:
    """Do the obvious thing: the network on each whole frame, the largest piece kept, cropped, written.

    Args:
        network: loaded network.
        path: the clip.
        folder: where the crops go.
        n_threads: decoder threads.
    Returns: a (H, W) bool mask for every source frame.
    """
    folder.mkdir()
    masks: list[BoolArray] = []
    for frame in iter_frames(path, n_threads):
        rgb = frame.to_rgb()
        height, width = rgb.shape[:2]
        soft = cv2.resize(network.saliency(rgb), (width, height), interpolation=cv2.INTER_LINEAR)
        pieces = find_components(np.asarray(soft > 0.5, dtype=bool), round(0.01 * height * width))
        mask = pieces[0].mask if pieces else np.zeros((height, width), dtype=bool)
        masks.append(mask)
        if pieces:
            x0, y0, x1, y1 = (int(v) for v in pieces[0].box_xyxy)
            crop = cv2.resize((rgb * mask[..., None])[y0:y1, x0:x1], (518, 518), interpolation=cv2.INTER_AREA)
            cv2.imwrite(str(folder / f"{frame.index:04d}.png"), cv2.cvtColor(crop, cv2.COLOR_RGB2BGR))
    return masks


def measure_ious(result: SegmentVideoResult, truth: TruthMasks, folder: Path) -> list[float]:
    """Compare every accepted frame's matte, put back into its source frame, with the truth of that frame."""
    found = []
    for frame in result.frames:
        matte = cv2.imread(str(folder / frame.matte_key), cv2.IMREAD_GRAYSCALE)
        x0, y0, x1, y1 = (round(v) for v in frame.source_box_xyxy)
        mask = matte_to_frame(np.asarray(matte, dtype=np.uint8), (x0, y0, x1, y1), _SIZE_WH)
        found.append(mask_iou(mask, truth[frame.source_frame]))
    return found


def matte_to_frame(matte: UInt8Array, box_xyxy: IntBoxXyxy, frame_wh: tuple[int, int]) -> BoolArray:
    """Put a square matte back to where it was cut from.

    Args:
        matte: (S, S) uint8.
        box_xyxy: the square in frame pixels; may reach outside.
        frame_wh: size of the frame.
    Returns: (H, W) bool.
    """
    x0, y0, x1, y1 = box_xyxy
    width, height = frame_wh
    part = np.asarray(cv2.resize(matte, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)) > 127
    mask = np.zeros((height, width), dtype=bool)
    left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
    mask[top:bottom, left:right] = part[top - y0 : bottom - y0, left - x0 : right - x0]
    return mask
