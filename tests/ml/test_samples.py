"""The renderer draws what its truth says, the same way every time, and its barcodes can be scanned."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import zxingcpp

from buybuddy.samples.catalogue import SampleProduct, list_sample_products
from buybuddy.samples.clip import SampleClip, read_truth_masks, write_sample_clip
from buybuddy.samples.label import build_back, build_front
from buybuddy.samples.lettering import build_ean13
from buybuddy.samples.packages import build_package
from buybuddy.samples.photo import write_sample_photo
from buybuddy.samples.rendering import Lamps, Layer, bound_box, build_pose, look_at

PRODUCTS = list_sample_products()


def write_small(product: SampleProduct, path: Path, *, seed: int = 1, has_hand: bool | None = None) -> SampleClip:
    return write_sample_clip(
        product, path, seed=seed, width_px=320, height_px=240, fps=10, duration_s=0.6, has_hand=has_hand
    )


def read_frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_catalogue_holds_every_container_siblings_and_a_leading_zero() -> None:
    assert {p.container_type for p in PRODUCTS[:4]} == {"box", "can", "bottle", "pouch"}
    assert len({p.barcode for p in PRODUCTS}) == len({p.slug for p in PRODUCTS}) == len(PRODUCTS) >= 10
    assert (PRODUCTS[0].brand_name, PRODUCTS[0].product_name) == (PRODUCTS[4].brand_name, PRODUCTS[4].product_name)
    assert PRODUCTS[0].variant_flavor != PRODUCTS[4].variant_flavor
    assert any(p.barcode.startswith("0") for p in PRODUCTS)
    assert [p.slug for p in list_sample_products(3)] == [p.slug for p in PRODUCTS[:3]]
    with pytest.raises(ValueError, match="n must be"):
        list_sample_products(99)


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda p: p.slug)
def test_barcode_on_the_back_decodes_to_the_products_own(product: SampleProduct) -> None:
    is_curved = product.container_type in ("can", "bottle")
    back = build_back(product, 520, 620, is_curved=is_curved)
    assert {code.text for code in zxingcpp.read_barcodes(back)} == {product.barcode}


def test_front_differs_between_siblings() -> None:
    first, second = (build_front(PRODUCTS[k], 200, 300).astype(int) for k in (0, 4))
    assert np.abs(first - second).mean() > 10


@pytest.mark.parametrize("wrong", ["8690123400011", "123", "abcdefghijklm"])
def test_a_wrong_barcode_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        build_ean13(wrong, 2, 100)


@pytest.mark.parametrize("has_hand", [False, True])
def test_clip_is_readable_and_has_one_mask_a_frame(tmp_path: Path, has_hand: bool) -> None:
    clip = write_small(PRODUCTS[1], tmp_path / "can.mp4", has_hand=has_hand)
    frames, masks = read_frames(clip.path), read_truth_masks(clip.truth_path)
    assert len(frames) == len(masks) == clip.n_frames == 6
    assert frames[0].shape == (240, 320, 3)
    assert masks.shape == (6, 240, 320)
    assert masks[3].dtype == np.bool_
    assert 0.03 < max(mask.mean() for mask in masks) < 0.6


def test_same_seed_same_clip_and_other_seed_other_clip(tmp_path: Path) -> None:
    first, again, other = (
        write_small(PRODUCTS[3], tmp_path / f"{name}.mp4", seed=seed) for name, seed in (("a", 4), ("b", 4), ("c", 5))
    )
    assert first.path.read_bytes() == again.path.read_bytes()
    assert first.truth_path.read_bytes() == again.truth_path.read_bytes()
    assert first.path.read_bytes() != other.path.read_bytes()


def test_mask_agrees_with_what_is_drawn(tmp_path: Path) -> None:
    """The orange can before any room: inside the mask its colour, outside not."""
    clip = write_sample_clip(
        PRODUCTS[1], tmp_path / "can.mp4", seed=2, width_px=320, height_px=240, fps=10, duration_s=1.0, has_hand=False
    )
    picture, mask = read_frames(clip.path)[5], read_truth_masks(clip.truth_path)[5]
    core = cv2.erode(mask.astype(np.uint8), np.ones((5, 5))) > 0
    ring = (cv2.dilate(mask.astype(np.uint8), np.ones((15, 15))) > 0) & ~(
        cv2.dilate(mask.astype(np.uint8), np.ones((5, 5))) > 0
    )
    hue = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV)
    is_orange = (hue[..., 0] > 5) & (hue[..., 0] < 20) & (hue[..., 1] > 170)
    assert is_orange[core].mean() > 0.4
    assert is_orange[ring].mean() < 0.25


def test_a_hand_hides_product_pixels() -> None:
    model = build_package(PRODUCTS[0])
    camera = look_at((0, 15, 70), (0, 12, 0), roll_rad=0, focal_px=300, width_px=200, height_px=200)
    far, near = build_pose(0, 0, 0, (0, 0, 0), 12), build_pose(0, 0, 0, (9, 0, 12), 12)
    layer = Layer(bound_box(camera, [far.place(model.vertices), near.place(model.vertices)]))
    layer.draw(model, far, camera, Lamps(), 1)
    alone = int((layer.owner == 1).sum())
    layer.draw(model, near, camera, Lamps(), 2)
    assert 0 < int((layer.owner == 1).sum()) < alone
    layer.draw(model, far, camera, Lamps(), 1)  # drawn again behind: the nearer one stays in front
    assert int((layer.owner == 2).sum()) > 0


def test_clip_refuses_odd_sides(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="even"):
        write_sample_clip(PRODUCTS[0], tmp_path / "x.mp4", width_px=321, height_px=240)


def test_photo_is_a_jpeg_and_repeatable(tmp_path: Path) -> None:
    first = write_sample_photo(PRODUCTS[2], tmp_path / "a.jpg", seed=3)
    again = write_sample_photo(PRODUCTS[2], tmp_path / "b.jpg", seed=3)
    assert first.read_bytes() == again.read_bytes()
    picture = cv2.imread(str(first))
    assert picture is not None
    assert min(picture.shape[:2]) >= 600
    assert picture.std() > 25
