"""Crops, quality measures and the choice of distinct frames."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from buybuddy.ml.video.crop import cut_out, product_square, resize_square, view_box_to_frame, view_region
from buybuddy.ml.video.quality import (
    choose_distinct,
    completeness,
    edge_crispness,
    occlusion,
    sharpness_inside,
    signature,
    signature_distance,
)
from buybuddy.ml.video.scan import spread_by_change

UInt8Array = npt.NDArray[np.uint8]


def label(seed: int) -> UInt8Array:
    blocks = np.random.default_rng(seed).integers(0, 255, (10, 10, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(blocks, (100, 100), interpolation=cv2.INTER_NEAREST), dtype=np.uint8)


def test_product_square_centres_with_a_margin() -> None:
    assert product_square((100, 50, 188, 94), 0.06) == (94, 22, 194, 122)


def test_view_region_is_square_inside_and_clipped_at_the_frame() -> None:
    assert view_region((100, 100, 200, 150), (640, 360)) == (75, 50, 225, 200)
    assert view_region((0, 0, 300, 300), (640, 360)) == (0, 0, 450, 360)


def test_view_box_goes_back_to_the_frame() -> None:
    assert view_box_to_frame((0, 160, 320, 320), (100, 0, 740, 320)) == (100, 160, 740, 320)


def test_resize_square_is_black_outside_the_frame() -> None:
    square = resize_square(np.full((10, 10, 3), 200, dtype=np.uint8), (-5, 0, 5, 10), 10)
    assert not square[:, :4].any()
    assert (square[:, 6:] == 200).all()


def test_cut_out_puts_the_product_where_it_was_and_pure_black_around() -> None:
    frame = np.full((360, 640, 3), 90, dtype=np.uint8)
    frame[100:200, 300:380] = (200, 30, 30)
    region = (240, 50, 440, 250)
    alpha = np.zeros((320, 320), dtype=np.float32)
    alpha[80:240, 96:224] = 1  # the same rectangle in the view: 1.6 view pixels a frame pixel
    cut = cut_out(frame, alpha, region, product_square((300, 100, 380, 200), 0.06), 518)
    truth = np.zeros((518, 518), dtype=bool)
    left, top, right, _ = cut.source_box_xyxy
    scale = 518 / (right - left)
    truth[
        round((100 - top) * scale) : round((200 - top) * scale),
        round((300 - left) * scale) : round((380 - left) * scale),
    ] = True
    found = cut.matte > 127
    assert (found & truth).sum() / (found | truth).sum() > 0.97
    assert not cut.rgb[cut.matte == 0].any()
    assert np.abs(cut.rgb[truth & (cut.matte > 250)].mean(axis=0) - (200, 30, 30)).max() < 4


def test_blur_lowers_sharpness_and_crispness_whatever_is_printed() -> None:
    mask = np.ones((100, 100), dtype=bool)
    blurred = [np.asarray(cv2.GaussianBlur(label(i), (0, 0), 2.5), dtype=np.uint8) for i in range(3)]
    assert all(sharpness_inside(b, mask) < 0.2 * sharpness_inside(label(i), mask) for i, b in enumerate(blurred))
    crisp = [edge_crispness(label(i), mask) for i in range(3)]
    assert max(edge_crispness(b, mask) for b in blurred) < 0.7 * min(crisp)
    assert max(crisp) < 1.3 * min(crisp)


def test_completeness_counts_only_open_sides() -> None:
    mask = np.zeros((10, 10), dtype=bool)
    mask[2:8, 0:6] = True
    assert completeness(mask, (False,) * 4) == 1
    assert completeness(mask, (True, False, False, False), margin_px=1) == pytest.approx(1 - 6 / 20)


def test_occlusion_sees_a_hand_in_a_bite() -> None:
    mask = np.zeros((40, 40), dtype=bool)
    mask[5:35, 5:35] = True
    hand = np.zeros_like(mask)
    hand[15:25, 20:40] = True
    free = occlusion(mask, np.zeros_like(mask))
    assert free == 0
    assert occlusion(mask & ~hand, hand) > 0.15


def test_distinct_frames_are_the_best_of_each_look() -> None:
    alpha = np.ones((100, 100), dtype=np.float32)
    looks = [signature(label(seed), alpha, (0, 0, 100, 100)) for seed in (0, 0, 1, 1, 2)]
    assert signature_distance(looks[0], looks[1]) == 0
    assert choose_distinct(looks, [0.1, 0.9, 0.5, 0.4, 0.3], (8.0, 1.5), 24, 60) == [1, 2, 4]
    assert choose_distinct(looks, [0.1, 0.9, 0.5, 0.4, 0.3], (8.0, 1.5), 24, 2) == [1, 2]


def test_spread_by_change_goes_where_things_happen() -> None:
    positions = spread_by_change([0.0] * 50 + [10.0] * 50, 10)
    assert sum(p >= 50 for p in positions) >= 8
    assert spread_by_change([1.0, 1.0], 10) == [0, 1, 2]
