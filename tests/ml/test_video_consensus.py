"""Masks that stray from what their neighbours agree on."""

import cv2
import numpy as np
import pytest

from buybuddy.ml.segmentation.masks import BoolArray, FloatArray, mask_iou
from buybuddy.ml.segmentation.protocol import FineMask, UInt8Array
from buybuddy.ml.video.consensus import Consensus, Features, fit_rigid_motion, mend, mend_by_neighbours

SIDE = 320


def box(x0: int, y0: int, x1: int, y1: int) -> BoolArray:
    mask = np.zeros((SIDE, SIDE), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


def fine(mask: BoolArray, confidence: float, hand: BoolArray | None = None) -> FineMask:
    hidden = np.zeros_like(mask) if hand is None else hand
    return FineMask(mask.astype(np.float32), hidden.astype(np.float32), confidence)


def agreed(mask: BoolArray, colour_change: float = 3.0, confidence: float = 0.98) -> Consensus:
    change: FloatArray = np.full(mask.shape, colour_change, dtype=np.float32)
    return Consensus(mask.astype(np.float32), change, confidence)


WHOLE, CUT, LEAKING = box(80, 100, 240, 200), box(110, 100, 240, 200), box(80, 100, 270, 200)


@pytest.mark.parametrize("strayed", [CUT, LEAKING])
def test_a_strayed_mask_follows_the_majority(strayed: BoolArray) -> None:
    mended = mend(fine(strayed, 0.5), agreed(WHOLE))
    assert mask_iou(mended.alpha > 0.5, WHOLE) > 0.99
    assert mended.confidence > 0.94


def test_a_mask_about_as_sure_as_its_neighbours_stays() -> None:
    mask = fine(CUT, 0.93)
    assert mend(mask, agreed(WHOLE)) is mask


def test_fingers_are_never_filled_in() -> None:
    hand = box(80, 100, 110, 200)
    mended = mend(fine(CUT, 0.5, hand), agreed(WHOLE))
    assert not (mended.alpha[hand] > 0.5).any()


def test_what_has_changed_in_the_picture_is_not_joined_but_distrusted() -> None:
    mended = mend(fine(CUT, 0.8), agreed(WHOLE, colour_change=60.0))
    assert np.array_equal(mended.alpha > 0.5, CUT)
    assert mended.confidence < 0.7


def test_neighbours_that_disagree_with_each_other_are_not_heard() -> None:
    consensus = agreed(WHOLE)
    consensus.share[box(80, 100, 110, 200)] = 0.6
    mask = fine(CUT, 0.5)
    assert mend(mask, consensus) is mask


def test_a_rigid_motion_is_found_and_a_large_turn_refused() -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform(0, 200, (60, 2)).astype(np.float32)
    descriptors = rng.integers(0, 256, (60, 32), dtype=np.uint8)
    for turn_rad, is_found in ((0.2, True), (1.2, False)):
        matrix = np.array([[np.cos(turn_rad), -np.sin(turn_rad)], [np.sin(turn_rad), np.cos(turn_rad)]])
        moved = (points @ matrix.T + (12, -7)).astype(np.float32)
        found = fit_rigid_motion(Features(points, descriptors), Features(moved, descriptors), 2.0, 50.0)
        assert (found is not None) == is_found
        if found is not None:
            assert found == pytest.approx(np.column_stack([matrix, (12, -7)]), abs=1e-3)
    assert fit_rigid_motion(Features(points, descriptors), Features(points, descriptors), 2.0, 500.0) is None


def picture(shift_px: int, print_seed: int) -> tuple[UInt8Array, BoolArray]:
    mask = box(70 + shift_px, 100, 230 + shift_px, 210)
    blots = np.random.default_rng(print_seed).integers(60, 256, (22, 32, 3), dtype=np.uint8)
    rgb = np.full((SIDE, SIDE, 3), 235, dtype=np.uint8)
    rgb[mask] = cv2.resize(blots, (160, 110), interpolation=cv2.INTER_CUBIC).reshape(-1, 3)
    return rgb, mask


@pytest.mark.parametrize(("print_seed", "is_mended"), [(5, True), (6, False)])
def test_only_views_of_the_same_side_mend_a_mask(print_seed: int, is_mended: bool) -> None:
    shown = [picture(shift, 5) for shift in (0, 6, 18, 24)] + [picture(12, print_seed)]
    masks = [fine(mask, 0.98) for _, mask in shown]
    cut = shown[-1][1] & ~box(0, 0, 112, SIDE)
    masks[-1] = fine(cut, 0.6)
    regions = [(0, 0, 640, 640)] * 5
    result = mend_by_neighbours([rgb for rgb, _ in shown], regions, masks, lambda fraction, step: None)
    assert all(new is old for new, old in zip(result[:-1], masks, strict=False))
    assert mask_iou(result[-1].alpha > 0.5, shown[-1][1] if is_mended else cut) > 0.98
