"""Small operations on masks, hands and choices, on arrays that fit on a screen."""

import numpy as np
import numpy.typing as npt
import pytest

from buybuddy.ml.segmentation.choosing import box_iou, choose_product, list_candidates
from buybuddy.ml.segmentation.flow import MaskCarrier
from buybuddy.ml.segmentation.hands import find_arms, learn_hand_colours
from buybuddy.ml.segmentation.masks import (
    border_contact,
    convex_hull,
    fill_holes,
    find_components,
    mask_iou,
    mask_to_xyxy,
    snap_to_edges,
)
from buybuddy.ml.segmentation.offline import outline_certainty, pieces_near_prior, restrict_to_prior
from buybuddy.ml.segmentation.people import build_anchors, letterbox

BoolArray = npt.NDArray[np.bool_]
UInt8Array = npt.NDArray[np.uint8]

SKIN = (205, 150, 125)
BLUE = (20, 60, 190)


def block(shape_hw: tuple[int, int], x0: int, y0: int, x1: int, y1: int) -> BoolArray:
    mask = np.zeros(shape_hw, dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


def paint(shape_hw: tuple[int, int], *parts: tuple[BoolArray, tuple[int, int, int]]) -> UInt8Array:
    rgb = np.full((*shape_hw, 3), 235, dtype=np.uint8)
    for mask, colour in parts:
        rgb[mask] = colour
    return rgb


def test_mask_to_xyxy_is_tight_and_exclusive() -> None:
    assert mask_to_xyxy(block((4, 4), 1, 2, 3, 4)) == (1, 2, 3, 4)
    assert mask_to_xyxy(np.zeros((4, 4), dtype=bool)) is None


def test_mask_iou() -> None:
    assert mask_iou(block((4, 4), 0, 0, 2, 4), block((4, 4), 1, 0, 3, 4)) == pytest.approx(1 / 3)
    assert mask_iou(np.zeros((4, 4), dtype=bool), np.zeros((4, 4), dtype=bool)) == 1


def test_box_iou() -> None:
    assert box_iou((0, 0, 2, 2), (1, 0, 3, 2)) == pytest.approx(1 / 3)
    assert box_iou((0, 0, 1, 1), (1, 1, 2, 2)) == 0


def test_fill_holes_leaves_large_holes_and_the_outside() -> None:
    ring = block((8, 8), 1, 1, 7, 7) & ~block((8, 8), 3, 3, 4, 4)
    assert (fill_holes(ring, 0.1) == block((8, 8), 1, 1, 7, 7)).all()
    wide = block((8, 8), 0, 0, 8, 8) & ~block((8, 8), 2, 2, 6, 6)
    assert (fill_holes(wide, 0.1) == wide).all()


def test_components_come_largest_first_without_crumbs() -> None:
    mask = block((6, 6), 0, 0, 1, 1) | block((6, 6), 2, 0, 4, 2) | block((6, 6), 2, 3, 6, 6)
    assert [c.area_px for c in find_components(mask, 2)] == [12, 4]


def test_border_contact_counts_only_the_border() -> None:
    assert border_contact(block((8, 8), 2, 2, 6, 6)) == 0
    assert border_contact(block((8, 8), 0, 2, 4, 6)) == pytest.approx(1.0)


def test_convex_hull_closes_a_bite() -> None:
    bitten = block((8, 8), 0, 0, 8, 8) & ~block((8, 8), 4, 3, 8, 5)
    assert convex_hull(bitten).all()


def test_a_carried_outline_snaps_to_the_edge() -> None:
    product = block((80, 80), 20, 20, 60, 60)
    rgb = paint((80, 80), (product, BLUE))
    sloppy = np.roll(product, 3, axis=1).astype(np.float32)
    snapped = snap_to_edges(rgb, sloppy, np.zeros((80, 80), dtype=bool)) > 0.5
    assert mask_iou(snapped, product) > 0.97 > mask_iou(sloppy > 0.5, product)


def test_flow_carries_a_mask_along() -> None:
    texture = np.random.default_rng(0).integers(0, 255, (16, 16), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    moved = np.roll(texture, 4, axis=1)
    mask = block((128, 128), 40, 40, 80, 80)
    alpha, error = MaskCarrier().carry(moved, texture, mask.astype(np.float32))
    assert mask_iou(alpha > 0.5, np.roll(mask, 4, axis=1)) > 0.9
    assert error[40:80, 44:84].mean() < 20


def hand_scene() -> tuple[UInt8Array, BoolArray, BoolArray]:
    """A blue pack with a skin-coloured arm from the right border over it, and a skin-coloured print inside."""
    pack, arm, badge = (
        block((100, 100), 20, 20, 70, 80),
        block((100, 100), 55, 45, 100, 60),
        block((100, 100), 30, 30, 38, 38),
    )
    return paint((100, 100), (pack, BLUE), (badge, SKIN), (arm, SKIN)), pack | arm, arm


def test_an_arm_is_skin_that_reaches_the_border() -> None:
    rgb, foreground, arm = hand_scene()
    assert mask_iou(find_arms(rgb, foreground), arm) > 0.85


def test_a_skin_coloured_product_is_no_hand() -> None:
    pack = block((100, 100), 0, 20, 70, 80)
    assert not find_arms(paint((100, 100), (pack, SKIN)), pack).any()


def test_learnt_colours_find_a_hand_that_reaches_no_border() -> None:
    rgb, foreground, _ = hand_scene()
    scenes = [rgb] * 4
    hands = learn_hand_colours(scenes, [foreground] * 4, [block((100, 100), 20, 20, 70, 80)] * 4, [None] * 4)
    assert hands is not None
    pack, fingers = block((100, 100), 20, 20, 70, 80), block((100, 100), 50, 40, 75, 60)
    found = hands.find_hand(paint((100, 100), (pack, BLUE), (fingers, SKIN)), pack | fingers)
    assert mask_iou(found, fingers) > 0.85


def test_without_evidence_nobody_has_hands() -> None:
    rgb, foreground, _ = hand_scene()
    plain = paint((100, 100), (block((100, 100), 20, 20, 70, 80), BLUE))
    pack = block((100, 100), 20, 20, 70, 80)
    assert learn_hand_colours([rgb, *[plain] * 9], [foreground, *[pack] * 9], [pack] * 10, [None] * 10) is None


def test_the_product_is_what_stays_although_its_sides_differ() -> None:
    shape = (90, 160)
    product = [block(shape, 60, 20, 100, 80), block(shape, 66, 20, 96, 80), block(shape, 60, 20, 100, 80)]
    colours = [(240, 200, 40), (190, 40, 30), (20, 140, 60)]
    stranger = block(shape, 0, 0, 14, 30)
    candidates = []
    for anchor in range(3):
        parts = [(product[anchor], colours[anchor])]
        foreground = product[anchor]
        if anchor == 1:
            parts.append((stranger, BLUE))
            foreground = foreground | stranger
        candidates += list_candidates(anchor, paint(shape, *parts), foreground.astype(np.float32), foreground, 0.004)
    chosen = choose_product(candidates)
    assert sorted(chosen) == [0, 1, 2]
    assert all((chosen[i].component.mask == product[i]).all() for i in range(3))
    assert choose_product([]) == {}


def test_far_pieces_are_left_out_and_near_ones_kept() -> None:
    prior = block((60, 60), 20, 20, 40, 40).astype(np.float32)
    near, far = block((60, 60), 22, 20, 41, 30), block((60, 60), 0, 50, 8, 60)
    assert (pieces_near_prior(near | far, prior) == near).all()
    assert not (restrict_to_prior((near | far).astype(np.float32), prior) > 0)[far].any()


def test_a_clear_outline_is_more_certain_than_a_misty_one() -> None:
    clear = block((320, 320), 100, 100, 200, 200).astype(np.float32)
    misty = np.clip(1.3 - np.abs(np.arange(320) - 150) / 60, 0, 1).astype(np.float32)[None].repeat(320, 0)
    assert outline_certainty(clear) == 1
    assert outline_certainty(misty) < 0.2


def test_anchors_are_as_many_as_the_networks_answer() -> None:
    assert build_anchors(192, (2, 6)).shape == (2016, 2)
    assert build_anchors(128, (2, 6)).shape == (896, 2)


def test_letterbox_centres() -> None:
    square = letterbox(np.full((10, 20, 3), 7, dtype=np.uint8), 20)
    assert square.shape == (20, 20, 3)
    assert (square[5:15] == 7).all()
    assert not square[:5].any()
    assert not square[15:].any()
