"""Which of the things that stand out in a clip is the product."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.ml.segmentation.masks import BoolArray, BoxXyxy, Component, border_contact, find_components

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]

_NEUTRAL_AFFINITY = 0.5
_LEAST_AFFINITY = 0.3


@dataclass
class Candidate:
    """One thing that stands out in one picture."""

    anchor: int
    component: Component
    histogram: FloatArray
    score: float


def colour_histogram(rgb: UInt8Array, mask: BoolArray) -> FloatArray:
    """Describe the colours of a region.

    Args:
        rgb: (H, W, 3) uint8 RGB.
        mask: (H, W) bool.
    Returns: (1024,) float32 that sums to 1: 4 lightness × 16 × 16 chroma bins of CIE Lab.
    """
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)
    bins = cv2.calcHist([lab], [0, 1, 2], mask.astype(np.uint8), [4, 16, 16], [0, 256, 64, 192, 64, 192])
    total = float(bins.sum())
    return np.asarray(bins.ravel() / max(total, 1.0), dtype=np.float32)


def histogram_similarity(first: FloatArray, second: FloatArray) -> float:
    """Return the Bhattacharyya coefficient of two histograms: 1 for equal ones, 0 for no common colour."""
    return float(np.sqrt(first * second).sum())


def list_candidates(
    anchor: int, rgb: UInt8Array, saliency: FloatArray, foreground: BoolArray, min_fraction: float
) -> list[Candidate]:
    """Score every connected thing of one picture as a product.

    Large, clear, central things that are whole score high.

    Args:
        anchor: number of the picture.
        rgb: (H, W, 3) uint8 RGB.
        saliency: (H, W) float32 in [0, 1].
        foreground: (H, W) bool, what is left of it without hands.
        min_fraction: smaller things, as a share of the picture, are left out.
    """
    height, width = foreground.shape
    found = []
    for component in find_components(foreground, round(min_fraction * foreground.size)):
        x, y = component.centre_xy
        off_centre = np.hypot(x / width - 0.5, y / height - 0.5) / np.hypot(0.5, 0.5)
        clarity = float(saliency[component.mask].mean())
        size = min(component.area_px / foreground.size, 0.25) ** 0.5
        wholeness = float(np.exp(-1.2 * border_contact(component.mask, 2)))
        score = clarity * size * (1 - 0.6 * off_centre) * (0.15 + 0.85 * wholeness)
        found.append(Candidate(anchor, component, colour_histogram(rgb, component.mask), float(score)))
    return found


def choose_product(candidates: Sequence[Candidate]) -> dict[int, Candidate]:
    """Follow each thing through the clip and take the one that stands out most and longest.

    The best chain is found by dynamic programming: each thing adds its score, each step adds or costs by how much the
    two look alike or lie in the same place. A chain may skip pictures, as the product may be out of sight.

    Args:
        candidates: of all pictures.
    Returns: for each picture in which the product is, the thing that is it.
    """
    ordered = sorted(candidates, key=lambda c: c.anchor)
    totals: list[float] = []
    previous: list[int] = []
    for index, candidate in enumerate(ordered):
        best, origin = 0.0, -1
        for earlier in range(index):
            if ordered[earlier].anchor < candidate.anchor:
                value = totals[earlier] + _link_value(ordered[earlier], candidate)
                if value > best:
                    best, origin = value, earlier
        totals.append(best + candidate.score)
        previous.append(origin)
    if not totals:
        return {}
    chosen: dict[int, Candidate] = {}
    position = int(np.argmax(totals))
    while position >= 0:
        chosen[ordered[position].anchor] = ordered[position]
        position = previous[position]
    return chosen


def _link_value(first: Candidate, second: Candidate) -> float:
    """Say how much two things speak for being the same: positive for alike, negative for different."""
    looks = histogram_similarity(first.histogram, second.histogram)
    place = box_iou(first.component.box_xyxy, second.component.box_xyxy)
    areas = sorted((first.component.area_px, second.component.area_px))
    affinity = max(looks, min(1.0, 1.5 * place)) * (areas[0] / areas[1]) ** 0.5
    if affinity < _LEAST_AFFINITY:
        return -np.inf
    return float((affinity - _NEUTRAL_AFFINITY) * 2 * min(first.score, second.score))


def box_iou(first: BoxXyxy, second: BoxXyxy) -> float:
    """Return intersection over union of two boxes (x0, y0, x1, y1)."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    return width * height / (sum(areas) - width * height)
