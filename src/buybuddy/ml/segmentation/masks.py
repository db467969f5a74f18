"""Small operations on masks and soft mattes."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float32]
BoxXyxy = tuple[float, float, float, float]


@dataclass(frozen=True)
class Component:
    """One connected piece of a mask."""

    mask: BoolArray
    area_px: int
    box_xyxy: BoxXyxy
    centre_xy: tuple[float, float]


def mask_to_xyxy(mask: BoolArray) -> BoxXyxy | None:
    """Return the tight box (x0, y0, x1, y1) of a (H, W) bool mask, ends exclusive; None when it is empty."""
    rows = np.flatnonzero(mask.any(axis=1))
    if rows.size == 0:
        return None
    columns = np.flatnonzero(mask.any(axis=0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def mask_iou(first: BoolArray, second: BoolArray) -> float:
    """Return intersection over union of two (H, W) bool masks; 1 when both are empty."""
    union = int(np.logical_or(first, second).sum())
    return 1.0 if union == 0 else float(np.logical_and(first, second).sum() / union)


def find_components(mask: BoolArray, min_area_px: int) -> list[Component]:
    """List the connected pieces of a (H, W) bool mask, the largest first, smaller ones than `min_area_px` left out."""
    _, labels, stats, centres = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    found = []
    for label in range(1, stats.shape[0]):
        x, y, width, height, area = (int(v) for v in stats[label])
        if area >= min_area_px:
            box = (float(x), float(y), float(x + width), float(y + height))
            centre = (float(centres[label][0]), float(centres[label][1]))
            found.append(Component(labels == label, area, box, centre))
    return sorted(found, key=lambda c: c.area_px, reverse=True)


def border_contact(mask: BoolArray, margin_px: int = 1) -> float:
    """Return how much of the mask's outline lies on the picture's border.

    Args:
        mask: (H, W) bool.
        margin_px: how near to the border counts as touching.
    Returns: border pixels covered, divided by the square root of the area; 0 when free.
    """
    area = int(mask.sum())
    if area == 0:
        return 0.0
    m = margin_px
    edges = (mask[:m].any(axis=0), mask[-m:].any(axis=0), mask[:, :m].any(axis=1), mask[:, -m:].any(axis=1))
    return float(sum(int(edge.sum()) for edge in edges) / np.sqrt(area))


def fill_holes(mask: BoolArray, max_hole_fraction: float = 1.0) -> BoolArray:
    """Fill the holes of a (H, W) bool mask that are smaller than `max_hole_fraction` of its area."""
    area = int(mask.sum())
    padded = np.pad(~mask, 1, constant_values=True)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(padded.astype(np.uint8), connectivity=4)
    keep = np.zeros(stats.shape[0], dtype=bool)
    for label in range(1, stats.shape[0]):
        keep[label] = stats[label][4] <= max_hole_fraction * area
    keep[labels[0, 0]] = False
    holes: BoolArray = keep[labels][1:-1, 1:-1]
    return np.logical_or(mask, holes)


def disk(radius_px: int) -> npt.NDArray[np.uint8]:
    """Return a round structuring element."""
    side = 2 * max(0, radius_px) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), dtype=np.uint8)


def dilate(mask: BoolArray, radius_px: int) -> BoolArray:
    """Grow a (H, W) bool mask by a radius."""
    return np.asarray(cv2.dilate(mask.astype(np.uint8), disk(radius_px)), dtype=bool)


def erode(mask: BoolArray, radius_px: int) -> BoolArray:
    """Shrink a (H, W) bool mask by a radius; outside the picture counts as inside the mask."""
    return np.asarray(cv2.erode(mask.astype(np.uint8), disk(radius_px), borderValue=1), dtype=bool)


def convex_hull(mask: BoolArray) -> BoolArray:
    """Return the filled convex hull of a (H, W) bool mask."""
    points = cv2.findNonZero(mask.astype(np.uint8))
    hull = np.zeros(mask.shape, dtype=np.uint8)
    if points is not None:
        cv2.fillConvexPoly(hull, cv2.convexHull(points), 1)
    return hull.astype(bool)


def guided_filter(guide: FloatArray, source: FloatArray, radius_px: int, epsilon: float) -> FloatArray:
    """Smooth a soft mask along the edges of a picture.

    Args:
        guide: (H, W) float32 luma in [0, 1].
        source: (H, W) float32 in [0, 1].
        radius_px: window radius.
        epsilon: guide variance below which the window counts as flat.
    Returns: (H, W) float32 in [0, 1]. Source: He et al., Guided Image Filtering, ECCV 2010, eq. 5-8.
    """
    side = (2 * radius_px + 1, 2 * radius_px + 1)

    def mean(x: FloatArray) -> FloatArray:
        return np.asarray(cv2.blur(x, side, borderType=cv2.BORDER_REFLECT), dtype=np.float32)

    mean_guide, mean_source = mean(guide), mean(source)
    a = (mean(guide * source) - mean_guide * mean_source) / (mean(guide * guide) - mean_guide**2 + np.float32(epsilon))
    b = mean_source - a * mean_guide
    return np.asarray(np.clip(mean(a) * guide + mean(b), 0.0, 1.0), dtype=np.float32)


def snap_to_edges(rgb: npt.NDArray[np.uint8], alpha: FloatArray, excluded: BoolArray, reach_px: int = 6) -> FloatArray:
    """Let the outline of a carried mask jump to the nearest strong edges of the picture.

    Args:
        rgb: (H, W, 3) uint8 RGB.
        alpha: (H, W) float32 in [0, 1].
        excluded: (H, W) bool, what is known to be something else.
        reach_px: how far the outline may move.
    Returns: (H, W) float32 in [0, 1]. Source: GrabCut, Rother et al., SIGGRAPH 2004, one iteration.
    """
    mask = alpha > 0.5
    box = mask_to_xyxy(dilate(mask, 3 * reach_px))
    inner, outer = erode(mask & (alpha > 0.9), reach_px // 2), dilate(mask | (alpha > 0.1), reach_px // 2)
    inner, outer = inner & erode(mask, reach_px), outer | dilate(mask, reach_px)
    if box is None or not inner.any() or outer.all():
        return alpha
    x0, y0, x1, y1 = (int(v) for v in box)
    labels = np.where(mask, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[inner] = cv2.GC_FGD
    labels[~outer | excluded] = cv2.GC_BGD
    part = np.ascontiguousarray(labels[y0:y1, x0:x1])
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(1)
    cv2.grabCut(np.ascontiguousarray(rgb[y0:y1, x0:x1]), part, None, *models, 1, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    snapped = np.zeros_like(alpha)
    snapped[y0:y1, x0:x1] = (part == cv2.GC_FGD) | (part == cv2.GC_PR_FGD)
    return np.asarray(cv2.GaussianBlur(snapped, (0, 0), 0.8), dtype=np.float32)
