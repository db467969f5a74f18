"""Measures that decide which cut-outs are good enough and which say the same twice."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.ml.segmentation.masks import BoolArray, convex_hull, dilate, erode

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]

SIGNATURE_SIDE = 32


@dataclass(frozen=True)
class Quality:
    """Measures of one cut-out; see `stages.specs.FrameQuality`."""

    sharpness: float
    mask_fraction: float
    completeness: float
    occlusion: float
    confidence: float

    @property
    def score(self) -> float:
        """What the primary image is chosen by: whole, free, sure, sharp and large."""
        sharp = self.sharpness / (self.sharpness + 150.0)
        large = min(1.0, (self.mask_fraction / 0.12) ** 0.5)
        whole = self.completeness**2 * (1 - self.occlusion) ** 2
        return float(whole * self.confidence * (0.3 + 0.7 * sharp) * (0.6 + 0.4 * large))


def sharpness_inside(rgb: UInt8Array, mask: BoolArray) -> float:
    """Variance of the Laplacian of the luma inside a mask, its rim left out.

    Args:
        rgb: (H, W, 3) uint8 RGB.
        mask: (H, W) bool.
    Returns: 0 for an empty mask.
    """
    inner = erode(mask, 3)
    if int(inner.sum()) < 16:
        return 0.0
    laplacian = cv2.Laplacian(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.CV_32F)
    return float(np.asarray(laplacian)[inner].var())


def edge_crispness(rgb: UInt8Array, mask: BoolArray) -> float:
    """Say how steep the steepest edges inside a mask are, whatever is printed there.

    The gradient at full scale is compared with the gradient of a blurred copy: a crisp edge loses much, a blurred one
    has nothing to lose.

    Args:
        rgb: (H, W, 3) uint8 RGB.
        mask: (H, W) bool.
    Returns: ratio of gradients at the strongest tenth of the edges; about 1 for blur, 2 and more for crisp edges.
    Source: after Crete et al., The Blur Effect, SPIE 2007.
    """
    inner = erode(mask, 3)
    if int(inner.sum()) < 64:
        return 0.0
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine, coarse = _gradient(grey), _gradient(np.asarray(cv2.GaussianBlur(grey, (0, 0), 1.6), dtype=np.float32))
    values = coarse[inner]
    strong = inner & (coarse >= np.quantile(values, 0.9)) & (coarse > 2.0)
    return float(np.quantile(fine[strong], 0.7) / np.quantile(coarse[strong], 0.7)) if strong.any() else 0.0


def _gradient(grey: FloatArray) -> FloatArray:
    return np.asarray(np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)), dtype=np.float32)


def outline(mask: BoolArray, width_px: int = 1) -> BoolArray:
    """Return the rim of a (H, W) bool mask; the picture's border does not cut it open."""
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=width_px, borderValue=0)
    return np.asarray(mask & (np.asarray(inner) == 0), dtype=bool)


def completeness(mask: BoolArray, open_sides: tuple[bool, bool, bool, bool], margin_px: int = 2) -> float:
    """Return 1 minus the share of the outline that lies on the frame's border.

    Args:
        mask: (H, W) bool in a view of the frame.
        open_sides: for left, top, right, bottom whether the view's side is the frame's border.
        margin_px: how near to the border counts as touching.
    """
    rim = outline(mask)
    total = int(rim.sum())
    if total == 0:
        return 0.0
    left, top, right, bottom = open_sides
    m = margin_px
    border = np.zeros_like(mask)
    border[:, :m] |= left
    border[:m] |= top
    border[:, -m:] |= right
    border[-m:] |= bottom
    return 1.0 - float((rim & border).sum()) / total


def occlusion(mask: BoolArray, hand: BoolArray, reach_px: int = 4) -> float:
    """Say how much of the product a hand hides.

    Args:
        mask: (H, W) bool, the visible product.
        hand: (H, W) bool.
        reach_px: how near to the outline a hand counts as cutting it.
    Returns: the larger of two shares: of the outline that runs along the hand, and of the product's convex hull that
        the hand takes.
    """
    rim = outline(mask)
    total = int(rim.sum())
    if total == 0 or not hand.any():
        return 0.0
    hull = convex_hull(mask)
    along = float((rim & dilate(hand, reach_px)).sum()) / total
    return max(along, float((hull & hand).sum()) / max(int(hull.sum()), 1))


def signature(rgb: UInt8Array, alpha: FloatArray, box_xyxy: tuple[float, float, float, float]) -> FloatArray:
    """Describe a cut-out so that two can be compared by a plain difference.

    Args:
        rgb: (H, W, 3) uint8 RGB.
        alpha: (H, W) float32 in [0, 1].
        box_xyxy: the product's box; it is centred in a square, so size and place do not count, but shape does.
    Returns: (32, 32, 4) float32: Lab on grey and the matte, each in [0, 255].
    """
    x0, y0, x1, y1 = box_xyxy
    side = max(x1 - x0, y1 - y0)
    scale = SIGNATURE_SIDE / max(side, 1.0)
    centre_x, centre_y = (x0 + x1) / 2, (y0 + y1) / 2
    half = SIGNATURE_SIDE / 2
    matrix = np.array([[scale, 0, half - centre_x * scale], [0, scale, half - centre_y * scale]], dtype=np.float64)
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB).astype(np.float32)
    layers = np.dstack([lab * alpha[..., None] + 128 * (1 - alpha[..., None]), alpha * 255])
    blurred = cv2.GaussianBlur(layers, (0, 0), max(0.1, 0.5 / scale))
    small = cv2.warpAffine(
        blurred,
        matrix,
        (SIGNATURE_SIDE, SIGNATURE_SIDE),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(128, 128, 128, 0),
    )
    return np.asarray(small, dtype=np.float32)


def signature_distance(first: FloatArray, second: FloatArray) -> float:
    """Mean absolute difference of two signatures over the union of their mattes, grey levels."""
    union = np.maximum(first[..., 3], second[..., 3]) > 64
    if not union.any():
        return 0.0
    return float(np.abs(first - second)[union].mean())


def choose_distinct(
    signatures: Sequence[FloatArray],
    scores: Sequence[float],
    distances: tuple[float, float],
    n_enough: int,
    max_count: int,
) -> list[int]:
    """Take the best cut-outs, none of them nearly the same as another.

    Clear differences are asked for first; when too few cut-outs are left, smaller ones do.

    Args:
        signatures: (32, 32, 4) float32 each.
        scores: higher is taken first.
        distances: what makes two different at first, and at least, in the unit of `signature_distance`.
        n_enough: how many make it unnecessary to accept smaller differences.
        max_count: at most this many.
    Returns: positions in ascending order.
    """
    order = sorted(range(len(scores)), key=lambda i: scores[i], reverse=True)
    n = len(order)
    matrix = np.full((n, n), np.inf)
    for i in range(n):
        for j in range(i):
            matrix[i, j] = matrix[j, i] = signature_distance(signatures[i], signatures[j])
    taken: list[int] = []
    wanted, least = distances
    while True:
        for index in order:
            if len(taken) >= max_count:
                break
            if index not in taken and all(matrix[index, other] >= wanted for other in taken):
                taken.append(index)
        if len(taken) >= min(n_enough, max_count) or wanted <= least:
            return sorted(taken)
        wanted = max(least, wanted * 0.8)
