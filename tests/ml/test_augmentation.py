"""Pictures made of cut-outs and photos: the same bytes again, nothing cut, no halo, exact shares."""

from collections import Counter

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from buybuddy.ml.augmentation.contact_sheets import COLUMNS, ROWS, ContactSheet
from buybuddy.ml.augmentation.cut_outs import CutOut, NothingCutOut, cut_out
from buybuddy.ml.augmentation.drawing import open_stream
from buybuddy.ml.augmentation.lighting import draw_camera, match_light
from buybuddy.ml.augmentation.photos import crop_to, is_on_black, vary_photo
from buybuddy.ml.augmentation.pictures import Surroundings, make_picture
from buybuddy.ml.augmentation.shelves import Backdrop, draw_shelf
from buybuddy.ml.augmentation.warping import Distortion, draw_distortion
from buybuddy.recipes import (
    HEAVY,
    HELD,
    LIGHT,
    PRESETS,
    SHELF,
    Background,
    Blur,
    CutOutStep,
    PhotoStep,
    Recipe,
    Scene,
    Shadow,
    Warp,
)
from buybuddy.stages.augment_dataset import encode_jpeg

UInt8Array = npt.NDArray[np.uint8]
SIDE = 160
BLACK = Backdrop(np.zeros((SIDE, SIDE, 3), np.uint8))
PLAIN = Background(picture_share=1)
NO_SHADOW = Shadow(drop_probability=0)


def a_box(colour: tuple[int, int, int] = (255, 0, 255), width: int = 60, height: int = 110) -> CutOut:
    picture, matte = np.full((SIDE, SIDE, 3), 255, np.uint8), np.zeros((SIDE, SIDE), np.uint8)
    picture[20 : 20 + height, 30 : 30 + width] = colour
    matte[20 : 20 + height, 30 : 30 + width] = 255
    return cut_out(picture, matte, SIDE)


def surroundings(n_shelves: int = 3) -> Surroundings:
    others = [a_box((20, 120, 60)), a_box((200, 180, 40), 90, 70)]
    shelves = [draw_shelf(open_stream("test", number), 200, others) for number in range(n_shelves)]
    return Surroundings((BLACK,), shelves, others)


@pytest.mark.parametrize("step", [LIGHT, HEAVY, SHELF, HELD], ids=lambda step: step.name)
def test_a_picture_follows_from_its_stream_alone(step: CutOutStep) -> None:
    around, product = surroundings(), a_box()
    first = [make_picture(open_stream(1, number), product, step, around, SIDE) for number in range(6)]
    again = [make_picture(open_stream(1, number), product, step, surroundings(), SIDE) for number in reversed(range(6))]
    assert all(np.array_equal(a, b) for a, b in zip(first, reversed(again), strict=True))
    assert len({picture.tobytes() for picture in first}) == 6
    assert all(picture.shape == (SIDE, SIDE, 3) and picture.dtype == np.uint8 for picture in first)


@given(
    seed=st.integers(0, 10_000), width=st.integers(10, 140), height=st.integers(10, 140), rotate=st.floats(0, 45),
    shear=st.floats(0, 30), far=st.floats(0, 0.1), grid=st.floats(0, 0.5), lens=st.floats(0, 0.5), blur=st.booleans(),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_no_product_is_cut_by_the_border(
    seed: int, width: int, height: int, rotate: float, shear: float, far: float, grid: float, lens: float, blur: bool
) -> None:
    warp = Warp(
        rotate_deg=rotate, shear_deg=shear, perspective=(far / 2, far), grid_distortion=grid, optical_distortion=lens,
        distortion_probability=1,
    )  # fmt: skip
    step = CutOutStep(
        name="test", size=(0.9, 1), warp=warp, background=PLAIN, shadow=NO_SHADOW, blur=Blur(probability=int(blur))
    )
    around = Surroundings((BLACK,))
    picture = make_picture(open_stream(seed), a_box(width=width, height=height), step, around, SIDE)
    assert picture.any()
    assert not any(edge.any() for edge in (picture[0], picture[-1], picture[:, 0], picture[:, -1]))


def test_bending_keeps_a_square_in_its_square() -> None:
    edge = np.linspace(0, 1, 50, dtype=np.float32)
    zero, one = np.zeros_like(edge), np.ones_like(edge)
    for seed in range(50):
        distortion = draw_distortion(
            open_stream(seed), Warp(grid_distortion=0.5, optical_distortion=0.5, distortion_probability=1)
        )
        assert isinstance(distortion, Distortion)
        assert (distortion.bend(zero, edge)[0] <= 1e-5).all() and (distortion.bend(one, edge)[0] >= 1 - 1e-5).all()
        assert (distortion.bend(edge, zero)[1] <= 1e-5).all() and (distortion.bend(edge, one)[1] >= 1 - 1e-5).all()


def test_what_was_behind_a_product_does_not_shine_at_its_edge() -> None:
    picture, matte = np.full((SIDE, SIDE, 3), 255, np.uint8), np.zeros((SIDE, SIDE), np.uint8)
    cv2.circle(picture, (80, 80), 50, (30, 60, 30), cv2.FILLED, cv2.LINE_AA)
    picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.2), np.uint8)  # as a lens and JPEG leave an edge
    cv2.circle(matte, (80, 80), 50, 255, cv2.FILLED, cv2.LINE_AA)
    product = cut_out(picture, matte, SIDE)
    step = CutOutStep(name="test", background=PLAIN, shadow=NO_SHADOW)
    made = make_picture(open_stream(1), product, step, Surroundings((BLACK,)), SIDE)
    assert made.max() <= 66, "nothing is lighter than the product"


def test_a_matte_without_a_product_is_refused() -> None:
    for matte in (np.zeros((SIDE, SIDE), np.uint8), np.full((SIDE, SIDE), 5, np.uint8)):
        with pytest.raises(NothingCutOut):
            cut_out(np.zeros((SIDE, SIDE, 3), np.uint8), matte, SIDE)


def test_thin_and_soft_products_keep_their_colour() -> None:
    picture, matte = np.full((SIDE, SIDE, 3), 255, np.uint8), np.zeros((SIDE, SIDE), np.uint8)
    picture[20:140, 76:86] = (10, 90, 10)
    matte[20:140, 76:86] = 200
    assert cut_out(picture, matte, SIDE).mean_rgb == pytest.approx((10, 90, 10), abs=1)


@pytest.mark.parametrize("recipe", PRESETS.values(), ids=PRESETS)
def test_every_first_pictures_have_the_shares_of_the_recipe(recipe: Recipe) -> None:
    total = sum(step.share for step in recipe.cut_outs)
    counts: Counter[str] = Counter()
    for number in range(2_500):
        counts[recipe.step_of(number).name] += 1
        for step in recipe.cut_outs:
            assert abs(counts[step.name] - (number + 1) * step.share / total) <= 1


@pytest.mark.parametrize(
    "change",
    [
        *(
            {"scene": Scene(**{name: 1})}
            for name in (
                "light_match", "neighbour_probability", "price_rail_probability", "hand_probability",
                "glare_probability", "camera_probability",
            )
        ),
        {"scene": Scene(noise=10)},
        *(
            {"shadow": Shadow(**{"drop_probability": 0, name: 1})}
            for name in ("drop_probability", "contact_probability", "cast_probability")
        ),
        {"blur": Blur(probability=1)},
        {"is_cut_allowed": True, "size": (1.5, 1.5)},
        *({"warp": Warp(**one)} for one in ({"rotate_deg": 9}, {"shear_deg": 9}, {"perspective": (0.05, 0.05)})),
        {"warp": Warp(grid_distortion=0.3, distortion_probability=1)},
        {"warp": Warp(optical_distortion=0.3, distortion_probability=1)},
    ],
    ids=str,
)  # fmt: skip
def test_each_part_of_a_recipe_has_an_effect(change: dict[str, object]) -> None:
    around, product = surroundings(), a_box()
    plain = CutOutStep(name="test", background=Background(picture_share=0, shelf_share=1), shadow=NO_SHADOW)
    changed = plain.model_copy(update=change)
    differences = [
        make_picture(open_stream(seed), product, changed, around, SIDE).astype(int)
        - make_picture(open_stream(seed), product, plain, around, SIDE)
        for seed in range(6)
    ]
    assert max((np.abs(difference) > 2).mean() for difference in differences) > 0.005


def test_a_product_in_warm_light_becomes_warmer_and_in_the_dark_darker() -> None:
    warm = match_light(np.full((9, 9, 3), (220, 150, 90), np.uint8), 1)
    dark = match_light(np.full((9, 9, 3), 20, np.uint8), 1)
    assert warm[0] > warm[1] > warm[2] and max(dark) < 0.8
    assert match_light(np.full((9, 9, 3), 20, np.uint8), 0) == (1, 1, 1)


def test_a_camera_looks_at_nothing_beyond_the_picture() -> None:
    corners = np.array([[[0, 0], [SIDE, 0], [SIDE, SIDE], [0, SIDE]]], np.float32)
    for seed in range(100):
        seen = cv2.perspectiveTransform(corners, draw_camera(open_stream(seed), SIDE))[0]
        assert seen.min() >= -1e-2 and seen.max() <= SIDE + 1e-2


def test_photos_vary_each_in_its_own_way_and_keep_their_size() -> None:
    photo = np.asarray(np.random.default_rng(1).integers(0, 255, (70, 90, 3)), np.uint8)
    made = [vary_photo(open_stream(1, number), photo, PhotoStep()) for number in range(200)]
    assert np.array_equal(made[7], vary_photo(open_stream(1, 7), photo, PhotoStep()))
    assert {picture.shape for picture in made} == {photo.shape}
    assert sum(np.array_equal(picture, photo) for picture in made) <= 4, "steps draw for themselves"
    still = PhotoStep(
        geometry_probability=0,
        brightness=0,
        contrast=0,
        jitter=(0, 0, 0, 0),
        rgb_shift=0,
        iso_noise_probability=0,
        holes=0,
    ).model_copy(update={"blur": HEAVY.blur.model_copy(update={"probability": 0})})
    assert all(np.array_equal(vary_photo(open_stream(n), photo, still), photo) for n in range(20))


def test_a_photo_on_black_is_known_and_cropped() -> None:
    photo, matte = np.zeros((60, 80, 3), np.uint8), np.zeros((60, 80), np.uint8)
    photo[20:40, 30:50], matte[20:40, 30:50] = 200, 255
    assert is_on_black(photo) and not is_on_black(np.full((60, 80, 3), 90, np.uint8))
    assert crop_to(photo, matte).shape == (20, 20, 3)
    assert crop_to(photo, np.zeros_like(matte)) is photo


def test_a_contact_sheet_shows_some_of_many() -> None:
    jpeg = encode_jpeg(np.full((50, 70, 3), 128, np.uint8), 90)
    sheet = ContactSheet(1_000)
    for _ in range(1_000):
        sheet.offer(jpeg)
    assert sheet.has_pictures and len(sheet._tiles) == COLUMNS * ROWS
    assert not ContactSheet(0).has_pictures


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"size": (0.9, 0.8)}, "size"),
        ({"size": (0.5, 1.2)}, "size"),
        ({"blur": {"side_px": (4, 7)}}, "side_px"),
        ({"shadow": {"drop_opacity": (80, 300)}}, "drop_opacity"),
        ({"background": {"picture_share": 0.8, "shelf_share": 0.4}}, "shares"),
        ({"warp": {"rotate_deg": float("nan")}}, "rotate_deg"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused_by_its_field(changes: dict[str, object], where: str) -> None:
    with pytest.raises(ValidationError, match=where):
        Recipe.model_validate({"cut_outs": [{"name": "test", **changes}]})
    with pytest.raises(ValidationError, match="same name"):
        Recipe(cut_outs=(LIGHT, LIGHT))
