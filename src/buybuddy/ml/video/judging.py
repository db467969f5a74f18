"""Which cut-outs a person would accept, and why the others are left out."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from buybuddy.ml.segmentation.choosing import colour_histogram, histogram_similarity
from buybuddy.ml.segmentation.masks import BoxXyxy, mask_to_xyxy
from buybuddy.ml.segmentation.protocol import FineMask, ProductView
from buybuddy.ml.video.crop import IntBoxXyxy, product_square, view_box_to_frame
from buybuddy.ml.video.quality import Quality, choose_distinct, completeness, occlusion, signature
from buybuddy.ml.video.scan import ClipScan

FloatArray = npt.NDArray[np.float32]

_MIN_PERSON_VIEWS = 3


@dataclass(frozen=True)
class CuttingOptions:
    """How many pictures are wanted and how good they must be."""

    frame_size_px: int = 518
    margin_fraction: float = 0.06
    max_frames: int = 60
    min_mask_fraction: float = 0.01
    min_confidence: float = 0.7
    min_completeness: float = 0.985
    occlusions: tuple[float, float] = (0.28, 0.5)
    """What a hand may hide when enough freer frames are there, and at most."""
    min_look_similarity: float = 0.5
    min_relative_crispness: float = 0.7
    distances: tuple[float, float] = (8.0, 1.5)
    n_enough_frames: int = 24
    source_frames_per_track_call: float = 25.0
    source_frames_per_refine_call: float = 15.0


@dataclass(frozen=True)
class ChosenFrame:
    """A frame that will be cut out, with its mask in the view."""

    source_frame: int
    time_s: float
    region_xyxy: IntBoxXyxy
    alpha: FloatArray
    square_xyxy: IntBoxXyxy
    quality: Quality


@dataclass(frozen=True)
class LookedAt:
    """A candidate with its close view."""

    position: int
    region_xyxy: IntBoxXyxy
    view: ProductView
    sharpness: float
    crispness: float


def judge(
    scan: ClipScan,
    looked: Sequence[LookedAt],
    fine: Sequence[FineMask],
    options: CuttingOptions,
    rejected: Counter[str],
) -> list[ChosenFrame]:
    """Measure every candidate, leave out the bad ones with a reason, then the ones that repeat another."""
    measured: list[tuple[int, BoxXyxy, Quality]] = []
    if sum(mask.is_person for mask in fine) >= _MIN_PERSON_VIEWS:
        rejected["a person and no product"] += len(fine)
        return []
    for index, (item, mask) in enumerate(zip(looked, fine, strict=True)):
        product = mask.alpha > 0.5
        box = mask_to_xyxy(product)
        quality = _measure(item, mask, scan.size_wh)
        reason = _reason_to_reject(quality, options)
        if box is None or reason:
            rejected[reason or "no product"] += 1
            continue
        measured.append((index, box, quality))
    measured = _same_product(measured, looked, fine, options, rejected)
    measured = _sharp_enough(measured, looked, scan, options, rejected)
    measured = _freest(measured, options, rejected)
    signatures = [signature(looked[i].view.rgb, fine[i].alpha, box) for i, box, _ in measured]
    scores = [quality.score for _, _, quality in measured]
    distinct = choose_distinct(signatures, scores, options.distances, options.n_enough_frames, options.max_frames)
    rejected["nearly the same as another frame"] += len(measured) - len(distinct)
    frames = []
    for index, box, quality in (measured[i] for i in distinct):
        item = looked[index]
        sample = scan.samples[item.position]
        square = product_square(view_box_to_frame(box, item.region_xyxy), options.margin_fraction)
        frames.append(
            ChosenFrame(sample.source_frame, sample.time_s, item.region_xyxy, fine[index].alpha, square, quality)
        )
    return frames


def _measure(item: LookedAt, mask: FineMask, frame_wh: tuple[int, int]) -> Quality:
    product = mask.alpha > 0.5
    x0, y0, x1, y1 = item.region_xyxy
    width, height = frame_wh
    return Quality(
        sharpness=item.sharpness,
        mask_fraction=float(product.mean()) * (x1 - x0) * (y1 - y0) / (width * height),
        completeness=completeness(product, (x0 <= 0, y0 <= 0, x1 >= width, y1 >= height)),
        occlusion=occlusion(product, mask.hand > 0.5),
        confidence=mask.confidence,
    )


def _reason_to_reject(quality: Quality, options: CuttingOptions) -> str | None:
    if quality.mask_fraction < options.min_mask_fraction:
        return "no product"
    if quality.completeness < options.min_completeness:
        return "cut off by the border"
    if quality.confidence < options.min_confidence:
        return "unsure outline"
    if quality.occlusion > options.occlusions[1]:
        return "hidden by a hand"
    return None


def _freest(
    measured: list[tuple[int, BoxXyxy, Quality]], options: CuttingOptions, rejected: Counter[str]
) -> list[tuple[int, BoxXyxy, Quality]]:
    """Leave out what a hand hides much of, as far as enough other frames are there."""
    in_order = sorted(measured, key=lambda entry: entry[2].occlusion)
    n_free = sum(entry[2].occlusion <= options.occlusions[0] for entry in in_order)
    kept = in_order[: max(n_free, min(len(in_order), options.n_enough_frames // 2))]
    rejected["hidden by a hand"] += len(in_order) - len(kept)
    return sorted(kept, key=lambda entry: entry[0])


def _same_product(
    measured: list[tuple[int, BoxXyxy, Quality]],
    looked: Sequence[LookedAt],
    fine: Sequence[FineMask],
    options: CuttingOptions,
    rejected: Counter[str],
) -> list[tuple[int, BoxXyxy, Quality]]:
    """Leave out cut-outs whose colours nothing else in the clip has."""
    histograms = [colour_histogram(looked[i].view.rgb, fine[i].alpha > 0.5) for i, _, _ in measured]
    kept = []
    for own, entry in zip(histograms, measured, strict=True):
        similarities = sorted((histogram_similarity(own, other) for other in histograms), reverse=True)
        quarter = similarities[min(len(similarities) - 1, max(1, len(similarities) // 4))]
        if quarter >= options.min_look_similarity:
            kept.append(entry)
        else:
            rejected["does not look like the product"] += 1
    return kept


def _sharp_enough(
    measured: list[tuple[int, BoxXyxy, Quality]],
    looked: Sequence[LookedAt],
    scan: ClipScan,
    options: CuttingOptions,
    rejected: Counter[str],
) -> list[tuple[int, BoxXyxy, Quality]]:
    """Leave out cut-outs that are blurred beside their neighbours in time, which show the same side."""
    times = np.array([scan.samples[looked[i].position].time_s for i, _, _ in measured])
    values = np.array([looked[i].crispness for i, _, _ in measured])
    kept = []
    for time_s, value, entry in zip(times, values, measured, strict=True):
        if value >= options.min_relative_crispness * float(values[np.abs(times - time_s) <= 1.0].max()):
            kept.append(entry)
        else:
            rejected["blurred"] += 1
    return kept
