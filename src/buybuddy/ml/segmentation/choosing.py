"""Which of the things that stand out in a clip is the product."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.ml.segmentation.masks import BoolArray, Component, border_contact, find_components

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]

_MIN_SIMILARITY = 0.62


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


def choose_product(candidates: Sequence[Candidate], n_anchors: int) -> dict[int, Candidate]:
    """Group things of the same look over the clip and take the group that stands out most and longest.

    Args:
        candidates: of all pictures.
        n_anchors: how many pictures were looked at.
    Returns: for each picture in which the product is, the thing that is it.
    """
    groups: list[list[Candidate]] = []
    means: list[FloatArray] = []
    for candidate in sorted(candidates, key=lambda c: c.score, reverse=True):
        similarities = [histogram_similarity(candidate.histogram, mean) for mean in means]
        best = int(np.argmax(similarities)) if similarities else -1
        if best >= 0 and similarities[best] >= _MIN_SIMILARITY:
            groups[best].append(candidate)
            weights = np.array([c.score for c in groups[best]], dtype=np.float32)
            stack = np.stack([c.histogram for c in groups[best]])
            means[best] = (weights[:, None] * stack).sum(axis=0) / max(float(weights.sum()), 1e-6)
        else:
            groups.append([candidate])
            means.append(candidate.histogram)
    if not groups:
        return {}
    return max((_best_of_each_anchor(group) for group in groups), key=lambda chosen: _group_score(chosen, n_anchors))


def _best_of_each_anchor(group: Sequence[Candidate]) -> dict[int, Candidate]:
    chosen: dict[int, Candidate] = {}
    for candidate in group:
        if candidate.anchor not in chosen or candidate.score > chosen[candidate.anchor].score:
            chosen[candidate.anchor] = candidate
    return chosen


def _group_score(chosen: dict[int, Candidate], n_anchors: int) -> float:
    return sum(candidate.score for candidate in chosen.values()) / max(n_anchors, 1)
