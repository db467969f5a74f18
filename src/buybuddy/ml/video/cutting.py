"""The whole way from a video file to clean product pictures, in three passes over the file and bounded memory."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.ml.segmentation.masks import BoxXyxy, border_contact, mask_to_xyxy
from buybuddy.ml.segmentation.protocol import ProductView, Prompts, Segmenter, Tick, TrackedMask
from buybuddy.ml.video.consensus import mend_by_neighbours
from buybuddy.ml.video.crop import (
    CutOut,
    cut_out,
    take_view,
    view_region,
)
from buybuddy.ml.video.decode import iter_frames
from buybuddy.ml.video.judging import ChosenFrame, CuttingOptions, LookedAt, judge
from buybuddy.ml.video.quality import (
    edge_crispness,
    sharpness_inside,
)
from buybuddy.ml.video.scan import ClipScan, change_between, scan_clip, spread_by_change

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]

_MEASURED_SIDE_PX = 700


@dataclass(frozen=True)
class Selection:
    """What was chosen, and why the rest was not."""

    frames: list[ChosenFrame]
    rejected: Counter[str] = field(default_factory=Counter)


def select_frames(
    path: Path,
    scan: ClipScan,
    segmenter: Segmenter,
    options: CuttingOptions,
    tick: Tick,
    *,
    prompts: Prompts | None = None,
    n_threads: int = 1,
) -> Selection:
    """Find the product in a scanned clip and choose the frames worth keeping.

    Args:
        path: the video.
        scan: from `scan_clip`.
        segmenter: loaded segmenter.
        options: numbers and thresholds.
        tick: progress from 0 to 1 over this function; may raise to stop.
        prompts: what to look for.
        n_threads: decoder threads.
    Returns: no frames when no product was found.
    """
    thumbs = [sample.thumb_rgb for sample in scan.samples]
    changes = [change_between(a, b) for a, b in pairwise(thumbs)]
    n_track = round(np.clip(scan.n_frames / options.source_frames_per_track_call, 5, 20))
    tracked = segmenter.track(thumbs, changes, prompts or Prompts(), n_track, lambda f, s: tick(0.4 * f, s))
    rejected: Counter[str] = Counter()
    positions = _choose_candidates(scan, tracked, changes, options, rejected)
    looked = _look_closely(path, scan, tracked, positions, lambda f, s: tick(0.4 + 0.1 * f, s), n_threads)
    n_refine = round(np.clip(scan.n_frames / options.source_frames_per_refine_call, 8, 60))
    views = [item.view for item in looked]
    fine = segmenter.refine(views, n_refine, lambda f, s: tick(0.5 + 0.45 * f, s)) if views else []
    regions = [item.region_xyxy for item in looked]
    fine = mend_by_neighbours([view.rgb for view in views], regions, fine, lambda f, s: tick(0.95 + 0.05 * f, s))
    frames = judge(scan, looked, fine, options, rejected)
    return Selection(frames, Counter({reason: count for reason, count in rejected.items() if count}))


def iter_cut_outs(
    path: Path, frames: Sequence[ChosenFrame], options: CuttingOptions, tick: Tick, n_threads: int = 1
) -> Iterator[tuple[ChosenFrame, CutOut, UInt8Array]]:
    """Decode the clip again and cut the chosen frames out, one at a time.

    Yields: the choice, its cut-out, and the whole source frame (H, W, 3) uint8 RGB.
    """
    wanted = {frame.source_frame: frame for frame in frames}
    last = max(wanted, default=-1)
    done = 0
    for decoded in iter_frames(path, n_threads):
        if decoded.index > last:
            return
        if decoded.index % 16 == 0:
            tick(done / max(len(wanted), 1), f"cutting out {done}/{len(wanted)}")
        if decoded.index not in wanted:
            continue
        chosen = wanted[decoded.index]
        rgb = decoded.to_rgb()
        done += 1
        tick(done / len(wanted), f"cutting out {done}/{len(wanted)}")
        yield (
            chosen,
            cut_out(rgb, chosen.alpha, chosen.region_xyxy, chosen.square_xyxy, options.frame_size_px),
            rgb,
        )


def _choose_candidates(
    scan: ClipScan,
    tracked: Sequence[TrackedMask],
    changes: Sequence[float],
    options: CuttingOptions,
    rejected: Counter[str],
) -> list[int]:
    """Among the pictures that show the product whole, take the sharpest of each stretch of equal change."""
    valid: list[int] = []
    sharpness: dict[int, float] = {}
    for position, (sample, mask) in enumerate(zip(scan.samples, tracked, strict=True)):
        product = mask.alpha > 0.5
        if product.mean() < 0.6 * options.min_mask_fraction:
            rejected["no product"] += 1
        elif border_contact(product, 1) > 0.5:
            rejected["cut off by the border"] += 1
        elif mask.confidence < 0.25:
            rejected["track lost"] += 1
        else:
            valid.append(position)
            sharpness[position] = _mean_detail(sample.detail, mask.alpha)
    n_wanted = min(len(valid), max(48, scan.n_frames // 5), round(1.5 * options.max_frames))
    if n_wanted == 0:
        return []
    path = np.concatenate([[0.0], np.cumsum(np.asarray(changes, dtype=np.float64) + 0.25)])
    spacing = [float(path[b] - path[a]) for a, b in pairwise(valid)]
    centres = spread_by_change(spacing, n_wanted)
    chosen = set()
    for low, centre, high in zip([-1, *centres[:-1]], centres, [*centres[1:], len(valid)], strict=True):
        first, last = (low + centre + 1) // 2, (centre + high) // 2
        around = range(max(first, 0), min(max(last, centre) + 1, len(valid)))
        chosen.add(max(around, key=lambda i: sharpness[valid[i]]))
    rejected["another frame beside it was better"] += len(valid) - len(chosen)
    return [valid[i] for i in sorted(chosen)]


def _mean_detail(detail: FloatArray, alpha: FloatArray) -> float:
    rows = np.linspace(0, alpha.shape[0] - 1, detail.shape[0]).round().astype(int)
    columns = np.linspace(0, alpha.shape[1] - 1, detail.shape[1]).round().astype(int)
    weights = alpha[np.ix_(rows, columns)]
    return float((detail * weights).sum() / max(float(weights.sum()), 1e-6))


def _look_closely(
    path: Path,
    scan: ClipScan,
    tracked: Sequence[TrackedMask],
    positions: Sequence[int],
    tick: Tick,
    n_threads: int,
) -> list[LookedAt]:
    by_frame = {scan.samples[position].source_frame: position for position in positions}
    last = max(by_frame, default=-1)
    looked: list[LookedAt] = []
    for decoded in iter_frames(path, n_threads):
        if decoded.index > last:
            break
        if decoded.index % 16 == 0:
            tick(decoded.index / max(last, 1), "looking closely")
        if decoded.index not in by_frame:
            continue
        position = by_frame[decoded.index]
        alpha = tracked[position].alpha
        box = mask_to_xyxy(alpha > 0.5)
        if box is None:
            continue
        rgb = decoded.to_rgb()
        looked.append(_view_of(position, rgb, alpha, box))
    return looked


def _view_of(position: int, rgb: UInt8Array, alpha: FloatArray, box: BoxXyxy) -> LookedAt:
    """Cut the close view of a tracked product out of a full frame, and measure sharpness at about the final scale."""
    height, width = rgb.shape[:2]
    scale_x, scale_y = width / alpha.shape[1], height / alpha.shape[0]
    region = view_region((box[0] * scale_x, box[1] * scale_y, box[2] * scale_x, box[3] * scale_y), (width, height))
    x0, y0 = int(region[0] / scale_x), int(region[1] / scale_y)
    small = (x0, y0, max(x0 + 1, round(region[2] / scale_x)), max(y0 + 1, round(region[3] / scale_y)))
    prior = np.asarray(take_view(alpha, small), dtype=np.float32)
    view = ProductView(np.asarray(take_view(rgb, region), dtype=np.uint8), prior, position)
    part = rgb[region[1] : region[3], region[0] : region[2]]
    scale = min(1.0, _MEASURED_SIDE_PX / max(part.shape[:2]))
    size_wh = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    near = np.asarray(cv2.resize(part, size_wh, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    mask = np.asarray(cv2.resize(prior, size_wh, interpolation=cv2.INTER_LINEAR) > 0.5, dtype=bool)
    return LookedAt(position, region, view, sharpness_inside(near, mask), edge_crispness(near, mask))


__all__ = ["ChosenFrame", "CuttingOptions", "Selection", "iter_cut_outs", "scan_clip", "select_frames"]
