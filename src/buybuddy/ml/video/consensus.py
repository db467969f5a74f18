"""A rigid product's outline agrees over neighbouring frames: masks that stray from it are mended or distrusted."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.ml.segmentation.masks import FloatArray, dilate, erode, find_components, mask_iou
from buybuddy.ml.segmentation.protocol import FineMask, Tick, UInt8Array
from buybuddy.ml.video.crop import VIEW_SIDE_PX, IntBoxXyxy

Matrix = npt.NDArray[np.float64]

_N_FEATURES = 500
_MATCH_RATIO = 0.85
_MIN_INLIERS = 14
_MIN_INLIER_SHARE = 0.45
_MIN_INLIER_COVER = 0.12
_MAX_ERROR_VIEW_PX = 2.5
_SCALES = (0.75, 1.33)
_MAX_TURN_RAD = 0.5

_MAX_WITNESSES = 8
_MAX_ASKED = 20
_MIN_WITNESSES = 3
_MIN_WITNESS_CONFIDENCE = 0.88
_CONFIDENCE_SCALE = 0.05
_COST_A_VIEW = 0.2
_MAJORITY = 0.75
_MAX_UNDECIDED_FRACTION = 0.06
_TOLERANCE_PX = 2
_MIN_PIECE_PX = 12
_MAX_COLOUR_CHANGE = 28.0
_MAX_CONTRADICTION_FRACTION = 0.04
_SURER_BY = 0.06
_DISTRUST = 0.6
_CONFIDENCE_A_STEP = 0.98
_SURE = 0.94
_N_ROUNDS = 4


@dataclass(frozen=True)
class Features:
    """Points on the product in one view: (n, 2) float32 in frame pixels, and (n, 32) uint8 ORB descriptors."""

    points_xy: FloatArray
    descriptors: UInt8Array


@dataclass(frozen=True)
class Consensus:
    """What the neighbours say about one view.

    Args:
        share: (320, 320) float32 in [0, 1], the weighted share of the witnesses that see product.
        colour_change: (320, 320) float32, how much the picture differs from the witnesses' pictures, grey levels; a
            change of the light over the whole product does not count.
        confidence: of the witnesses, weighted.
    """

    share: FloatArray
    colour_change: FloatArray
    confidence: float


def mend_by_neighbours(
    views_rgb: Sequence[UInt8Array], regions_xyxy: Sequence[IntBoxXyxy], fine: Sequence[FineMask], tick: Tick
) -> list[FineMask]:
    """Bring the surest masks of the clip to each view, and mend what clearly contradicts them.

    Only views that show the same side, by a rigid motion of points on it, are heard; masks that are sure stay as they
    are.

    Args:
        views_rgb: (320, 320, 3) uint8 RGB each, in the order of time.
        regions_xyxy: where each was taken from, in frame pixels.
        fine: their masks.
        tick: progress; may raise to stop.
    """
    greys = [np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8) for rgb in views_rgb]
    found = [_find_features(g, f, r) for g, f, r in zip(greys, fine, regions_xyxy, strict=True)]
    motions: dict[tuple[int, int], Matrix | None] = {}
    current = list(fine)
    for turn in range(_N_ROUNDS):
        # From the second round on, those that were mended speak for their own neighbours.
        mended = list(current)
        for index, mask in enumerate(current):
            tick((turn + index / len(fine)) / _N_ROUNDS, f"comparing outlines {index + 1}/{len(fine)}")
            if mask.confidence < _SURE:
                consensus = _ask_witnesses(index, greys, regions_xyxy, current, found, motions)
                mended[index] = mask if consensus is None else mend(fine[index], consensus)
        if all(new is old for new, old in zip(mended, current, strict=True)):
            break
        current = mended
    return current


def mend(mask: FineMask, consensus: Consensus) -> FineMask:
    """Let a mask follow a clear majority, but never into a hand nor where the picture has changed.

    Args:
        mask: of one view.
        consensus: what its neighbours say of the same view.
    Returns: the mask, its confidence raised when it was mended, lowered when it contradicts them and cannot be
        mended; unchanged when the neighbours are not much surer than it, or do not agree with each other.
    """
    if consensus.confidence < mask.confidence + _SURER_BY:
        return mask
    own = mask.alpha > 0.5
    agreed = consensus.share > 0.5
    undecided = (consensus.share > 1 - _MAJORITY) & (consensus.share < _MAJORITY)
    blurred_rim = dilate(agreed, _TOLERANCE_PX) & ~erode(agreed, _TOLERANCE_PX)
    if (undecided & ~blurred_rim).sum() > _MAX_UNDECIDED_FRACTION * max(int(agreed.sum()), 1):
        return mask
    hand = dilate(mask.hand > 0.5, 3)
    wrong = np.zeros_like(own)
    contradicted = np.zeros_like(own)
    for differs in ((consensus.share >= _MAJORITY) & ~own, (consensus.share <= 1 - _MAJORITY) & own):
        core = dilate(erode(differs, _TOLERANCE_PX), _TOLERANCE_PX + 1) & differs
        for piece in find_components(core & ~hand, _MIN_PIECE_PX):
            if float(consensus.colour_change[piece.mask].mean()) <= _MAX_COLOUR_CHANGE:
                wrong |= piece.mask
            else:
                contradicted |= piece.mask
    if contradicted.sum() > _MAX_CONTRADICTION_FRACTION * agreed.sum():
        return replace(mask, confidence=mask.confidence * _DISTRUST)
    if not wrong.any():
        return mask
    zone = ~dilate(contradicted, _TOLERANCE_PX) & ~hand
    alpha = np.where(zone, consensus.share, mask.alpha).astype(np.float32)
    agreement = mask_iou((alpha > 0.5) & ~hand, agreed & ~hand)
    confidence = _CONFIDENCE_A_STEP * agreement * consensus.confidence
    return replace(mask, alpha=alpha, confidence=max(mask.confidence, confidence))


def fit_rigid_motion(source: Features, target: Features, max_error_px: float, min_spread_px: float) -> Matrix | None:
    """Find the turn, scale and shift that bring the source's points to the target's.

    Args:
        source, target: points on the product in two frames.
        max_error_px: how far a point may miss.
        min_spread_px: how widely the points that fit have to be spread.
    Returns: (2, 3) float64; None when too few points agree or the pose has changed much.
    """
    if min(len(source.points_xy), len(target.points_xy)) < _MIN_INLIERS:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(source.descriptors, target.descriptors, k=2)
    good = [p[0] for p in pairs if len(p) == 2 and p[0].distance < _MATCH_RATIO * p[1].distance]
    if len(good) < _MIN_INLIERS:
        return None
    first = source.points_xy[[m.queryIdx for m in good]]
    second = target.points_xy[[m.trainIdx for m in good]]
    cv2.setRNGSeed(1)
    matrix, inliers = cv2.estimateAffinePartial2D(first, second, ransacReprojThreshold=max_error_px, maxIters=500)
    if np.shape(matrix) != (2, 3):
        return None
    fits = np.asarray(inliers).ravel() > 0
    scale, turn = float(np.hypot(matrix[0, 0], matrix[1, 0])), float(np.arctan2(matrix[1, 0], matrix[0, 0]))
    if not _SCALES[0] <= scale <= _SCALES[1] or abs(turn) > _MAX_TURN_RAD:
        return None
    if fits.sum() < _MIN_INLIERS or fits.mean() < _MIN_INLIER_SHARE:
        return None
    spread = float(np.sqrt(cv2.contourArea(cv2.convexHull(second[fits]))))
    return np.asarray(matrix, dtype=np.float64) if spread >= min_spread_px else None


def _find_features(grey: UInt8Array, mask: FineMask, region_xyxy: IntBoxXyxy) -> Features:
    inside = dilate(mask.alpha > 0.5, 3) & ~dilate(mask.hand > 0.5, 3)
    orb = cv2.ORB.create(_N_FEATURES, edgeThreshold=12, patchSize=25, fastThreshold=8)
    points, descriptors = orb.detectAndCompute(grey, inside.astype(np.uint8))
    if not points:
        return Features(np.zeros((0, 2), dtype=np.float32), np.zeros((0, 32), dtype=np.uint8))
    view_xy = np.array([[*point.pt, 1.0] for point in points])
    in_frame = view_xy @ _view_to_frame(region_xyxy)[:2].T
    return Features(in_frame.astype(np.float32), np.asarray(descriptors, dtype=np.uint8))


def _ask_witnesses(
    index: int,
    greys: Sequence[UInt8Array],
    regions_xyxy: Sequence[IntBoxXyxy],
    fine: Sequence[FineMask],
    found: Sequence[Features],
    motions: dict[tuple[int, int], Matrix | None],
) -> Consensus | None:
    """Bring the masks of the surest other views of the same side to this one; None when they are too few."""
    own = fine[index].alpha > 0.5
    x0, y0, x1, y1 = regions_xyxy[index]
    view_px = max(x1 - x0, y1 - y0) / VIEW_SIDE_PX
    min_spread_px = float(np.sqrt(_MIN_INLIER_COVER * own.sum())) * view_px
    to_view = np.linalg.inv(_view_to_frame(regions_xyxy[index]))
    order = sorted(
        (i for i, mask in enumerate(fine) if i != index and mask.confidence >= _MIN_WITNESS_CONFIDENCE),
        key=lambda i: (1 - fine[i].confidence) / _CONFIDENCE_SCALE + _COST_A_VIEW * abs(i - index),
    )
    total = np.full(own.shape, 1e-6, dtype=np.float32)
    summed, changed = np.zeros_like(total), np.zeros_like(total)
    weights: list[float] = []
    sure = 0.0
    here = greys[index].astype(np.float32)
    for other in order[:_MAX_ASKED]:
        if (other, index) not in motions:
            motions[other, index] = fit_rigid_motion(
                found[other], found[index], _MAX_ERROR_VIEW_PX * view_px, min_spread_px
            )
        motion = motions[other, index]
        if motion is None:
            continue
        warp = (to_view @ np.vstack([motion, [0, 0, 1]]) @ _view_to_frame(regions_xyxy[other]))[:2]
        seen = _bring(np.ones_like(fine[other].alpha), warp)
        weight = float(np.exp(-(1 - fine[other].confidence) / _CONFIDENCE_SCALE))
        difference = here - _bring(greys[other].astype(np.float32), warp)
        there = np.abs(difference - np.median(difference[own])) if own.any() else np.abs(difference)
        total += weight * seen
        summed += weight * seen * _bring(fine[other].alpha, warp)
        changed += weight * seen * cv2.blur(there, (5, 5))
        weights.append(weight)
        sure += weight * fine[other].confidence
        if len(weights) == _MAX_WITNESSES:
            break
    if len(weights) < _MIN_WITNESSES:
        return None
    return Consensus((summed / total).astype(np.float32), (changed / total).astype(np.float32), sure / sum(weights))


def _bring(picture: FloatArray, warp: Matrix) -> FloatArray:
    size_wh = (VIEW_SIDE_PX, VIEW_SIDE_PX)
    return np.asarray(cv2.warpAffine(picture, warp, size_wh, flags=cv2.INTER_LINEAR), dtype=np.float32)


def _view_to_frame(region_xyxy: IntBoxXyxy) -> Matrix:
    x0, y0, x1, y1 = region_xyxy
    return np.array([[(x1 - x0) / VIEW_SIDE_PX, 0, x0], [0, (y1 - y0) / VIEW_SIDE_PX, y0], [0, 0, 1]], dtype=np.float64)
