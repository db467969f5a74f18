"""Shop pictures are cut from their plain background, and only those."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buybuddy.benchmarks.grocery import unpack_grocery
from buybuddy.ml.images import read_image_rgb
from buybuddy.ml.segmentation.plain_background import cut_from_plain

UInt8Array = npt.NDArray[np.uint8]


def picture(background: int, box_xyxy: tuple[int, int, int, int], noise: int = 0) -> UInt8Array:
    """Draw a (60, 80, 3) picture of a dark box with a hole of the background's colour."""
    rgb = np.full((60, 80, 3), background, dtype=np.int16)
    x0, y0, x1, y1 = box_xyxy
    rgb[y0:y1, x0:x1] = 40
    rgb[y0 + 4 : y1 - 4, x0 + 4 : x1 - 4] = background
    rgb += np.random.default_rng(0).integers(-noise, noise + 1, rgb.shape, dtype=np.int16)
    return np.asarray(rgb.clip(0, 255), dtype=np.uint8)


@settings(deadline=None)
@given(
    background=st.integers(205, 255),
    corner=st.tuples(st.integers(2, 40), st.integers(2, 30)),
    size=st.tuples(st.integers(12, 36), st.integers(12, 26)),
    noise=st.integers(0, 4),
)
def test_all_but_what_comes_in_from_the_border_is_the_product(
    background: int, corner: tuple[int, int], size: tuple[int, int], noise: int
) -> None:
    box = (corner[0], corner[1], corner[0] + size[0], corner[1] + size[1])
    matte = cut_from_plain(picture(background, box, noise))
    assert matte is not None
    expected = np.zeros((60, 80), dtype=np.uint8)
    expected[box[1] : box[3], box[0] : box[2]] = 255
    assert np.array_equal(matte, expected)


def test_what_is_no_shop_picture_is_not_cut() -> None:
    noisy = np.random.default_rng(1).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    slope = np.repeat(np.linspace(150, 255, 80, dtype=np.uint8)[None, :, None], 60, axis=0).repeat(3, axis=2)
    for rgb in (picture(120, (20, 20, 50, 50)), noisy, slope, np.full((60, 80, 3), 255, dtype=np.uint8)):
        assert cut_from_plain(np.asarray(rgb, dtype=np.uint8)) is None
    over_two_corners = picture(255, (0, 0, 80, 30))
    assert cut_from_plain(over_two_corners) is None
    assert cut_from_plain(np.full((1, 1, 3), 255, dtype=np.uint8)) is None


def test_dirt_does_not_widen_the_product() -> None:
    rgb = np.full((200, 200, 3), 255, dtype=np.uint8)
    rgb[80:120, 80:120] = 10
    rgb[5, 5] = 0
    matte = cut_from_plain(rgb)
    assert matte is not None and (matte > 0).sum() == 40 * 40


@pytest.mark.slow
def test_real_shop_pictures_are_cut_and_photos_are_not(shared_data: Path, tmp_path: Path) -> None:
    products = unpack_grocery(shared_data, tmp_path, 5)
    if not products:
        pytest.skip("the grocery photos are not here")
    assert all(cut_from_plain(read_image_rgb(product.shop_picture)) is not None for product in products)
    photos = [photo for product in products for photo in product.photos]
    assert [photo for photo in photos if cut_from_plain(read_image_rgb(photo)) is not None] == []
