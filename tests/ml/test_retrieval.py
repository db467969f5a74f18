"""Encoder, preparation and the two embedding stages, on small pictures drawn here."""

import io
import time
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import zxingcpp
from PIL import Image

from buybuddy.errors import Misconfigured, StageCancelled, StageFailed, UnreadableMedia
from buybuddy.ml.images import read_image, read_image_rgb
from buybuddy.ml.retrieval.encoder import ENCODER_FILE, Encoder
from buybuddy.ml.retrieval.export_encoder import export_encoder
from buybuddy.ml.retrieval.preparation import prepare_frame, resize_square
from buybuddy.ml.retrieval.whole_encoder import WholeEncoder
from buybuddy.stages.embed_images import embed_images
from buybuddy.stages.embed_query import embed_query
from buybuddy.stages.folder import FolderContext
from buybuddy.stages.specs import EmbedImagesSpec, EmbedQuerySpec, ImageInput

UInt8Array = npt.NDArray[np.uint8]


class NotedContext(FolderContext):
    """Notes how far its stage says that it is."""

    def __init__(self, folder: Path, models_dir: Path) -> None:
        super().__init__(folder, models_dir)
        self.fractions: list[float] = []

    def report(self, fraction: float, step: str) -> None:
        self.fractions.append(fraction)


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    export_encoder(folder / ENCODER_FILE)
    return folder


@pytest.fixture
def context(tmp_path: Path, models_dir: Path) -> NotedContext:
    return NotedContext(tmp_path, models_dir)


def draw_pack(seed: int, side: int = 300) -> tuple[UInt8Array, UInt8Array]:
    """Draw a bright box with a pattern on black; returns (S, S, 3) uint8 RGB and its (S, S) uint8 matte."""
    rng = np.random.default_rng(seed)
    rgb, matte = np.zeros((side, side, 3), np.uint8), np.zeros((side, side), np.uint8)
    matte[60:240, 100:200] = 255
    pattern = rng.integers(60, 255, size=(6, 4, 3), dtype=np.uint8)
    rgb[60:240, 100:200] = cv2.resize(pattern, (100, 180), interpolation=cv2.INTER_NEAREST)
    return rgb, matte


def encode(rgb: UInt8Array, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, kind, **options)
    return buffer.getvalue()


def test_preparation_fills_the_square_with_the_product_on_white() -> None:
    rgb, matte = draw_pack(0)
    (prepared,) = prepare_frame(rgb, matte).views
    assert prepared.shape == (224, 224, 3)
    assert (prepared[:5] == 255).all(), "what was black around the product is white"
    assert (prepared[:, :5] == 255).all()
    rows = np.flatnonzero((prepared[:, 112] < 250).any(axis=1))
    columns = np.flatnonzero((prepared[112] < 250).any(axis=1))
    assert 190 <= rows[-1] - rows[0] <= 210, "the product fills the square up to the margin"
    assert 170 <= columns[-1] - columns[0] <= 210


def test_an_empty_matte_means_the_whole_picture() -> None:
    rgb, matte = draw_pack(0)
    np.testing.assert_array_equal(prepare_frame(rgb, np.zeros_like(matte)).views[0], resize_square(rgb))


def test_colours_tell_flavours_apart_whatever_the_light() -> None:
    matte = np.full((100, 100), 255, np.uint8)
    red, blue = np.full((100, 100, 3), 240, np.uint8), np.full((100, 100, 3), 240, np.uint8)
    red[20:80], blue[20:80] = (180, 20, 20), (20, 20, 180)
    dim_red = np.asarray(red * np.array([0.6, 0.5, 0.4]), np.uint8)
    of_red, of_blue, of_dim_red = (prepare_frame(rgb, matte).colours for rgb in (red, blue, dim_red))
    np.testing.assert_allclose(np.linalg.norm(of_red), 1, atol=1e-5)
    assert of_red @ of_dim_red > 0.85 > 0.6 > of_red @ of_blue


def test_vectors_are_unit_rows_that_do_not_depend_on_the_batch(models_dir: Path) -> None:
    encoder = Encoder(models_dir)
    packs = [draw_pack(seed) for seed in range(9)]
    together = encoder.embed([rgb for rgb, _ in packs], [matte for _, matte in packs])
    assert together.shape == (9, encoder.facts.dim)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = encoder.embed([packs[8][0]], [packs[8][1]])
    np.testing.assert_allclose(alone[0], together[8], atol=1e-5)
    assert encoder.embed([], []).shape == (0, encoder.facts.dim)


def test_a_missing_or_damaged_encoder_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="export_encoder --output"):
        Encoder(tmp_path)
    (tmp_path / ENCODER_FILE).write_bytes(b"not a model")
    with pytest.raises(Misconfigured, match="export_encoder --output"):
        Encoder(tmp_path)


def test_unreadable_pictures_are_listed_and_left_out(context: NotedContext) -> None:
    rgb, matte = draw_pack(1)
    good = context.put("frames/good.png", encode(rgb))
    good_matte = context.put("frames/matte.png", encode(matte))
    photo = context.put("photos/a.jpg", encode(rgb, "JPEG"))
    junk = context.put("photos/junk.jpg", b"\xff\xd8\xff junk")
    cut_off = context.put("photos/cut.png", encode(rgb)[:200])
    small_matte = context.put("frames/small.png", encode(matte[:10]))
    spec = EmbedImagesSpec(
        images=(
            ImageInput(image_id="junk", key=junk),
            ImageInput(image_id="good", key=good, matte_key=good_matte),
            ImageInput(image_id="cut", key=cut_off),
            ImageInput(image_id="lost", key="photos/lost.jpg"),
            ImageInput(image_id="misfit", key=good, matte_key=small_matte),
            ImageInput(image_id="photo", key=photo),
        ),
        output_prefix="out/",
    )
    result = embed_images(spec, context)
    assert result.image_ids == ("good", "photo")
    assert {failure.image_id for failure in result.failures} == {"junk", "cut", "lost", "misfit"}
    assert all(failure.reason for failure in result.failures)
    vectors = np.load(context.read_input(result.vectors_key), allow_pickle=False)
    assert vectors.shape == (2, result.encoder.dim)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert context.fractions == sorted(context.fractions)
    assert context.read_input(good).is_file(), "inputs outside the scratch folder are not ours to remove"


def test_nothing_readable_is_a_failure_with_its_reason(context: NotedContext) -> None:
    key = context.put("a.jpg", b"junk")
    with pytest.raises(StageFailed, match="JPEG, PNG or WebP"):
        embed_images(EmbedImagesSpec(images=(ImageInput(image_id="a", key=key),), output_prefix="o/"), context)


def test_a_cancelled_stage_stops(context: NotedContext) -> None:
    key = context.put("a.png", encode(draw_pack(0)[0]))
    context.cancelled.set()
    with pytest.raises(StageCancelled):
        embed_images(EmbedImagesSpec(images=(ImageInput(image_id="a", key=key),), output_prefix="o/"), context)
    with pytest.raises(StageCancelled):
        embed_query(EmbedQuerySpec(photo_key=key, output_prefix="o/"), context)


def test_a_photo_finds_its_product_and_its_barcode(context: NotedContext) -> None:
    encoder = Encoder(context.models_dir)
    packs = [draw_pack(seed) for seed in range(6)]
    gallery = encoder.embed([rgb for rgb, _ in packs], [matte for _, matte in packs])
    photo = np.full((600, 800, 3), (200, 195, 185), np.uint8)
    rgb, matte = packs[3]
    region = photo[150:450, 250:550]
    region[matte > 0] = rgb[matte > 0]
    code = np.array(
        zxingcpp.write_barcode_to_image(zxingcpp.create_barcode("5901234123457", zxingcpp.BarcodeFormat.EAN13), scale=2)
    )
    photo[480 : 480 + code.shape[0], 20 : 20 + code.shape[1]] = code[..., None]
    key = context.put("photo.jpg", encode(photo, "JPEG", quality=92))
    result = embed_query(EmbedQuerySpec(photo_key=key, output_prefix="q/"), context)
    best = (np.array(result.vectors, np.float32) @ gallery.T).max(axis=0)
    assert int(best.argmax()) == 3
    assert result.barcodes_seen == ("5901234123457",)
    assert result.product_box_xyxy is not None


def test_a_warm_query_is_quick_enough_to_wait_for(context: NotedContext) -> None:
    photo = cv2.resize(draw_pack(2)[0], (3000, 4000))
    key = context.put("photo.jpg", encode(np.asarray(photo, dtype=np.uint8), "JPEG"))
    spec = EmbedQuerySpec(photo_key=key, output_prefix="q/")
    embed_query(spec, context)
    started = time.process_time()
    embed_query(spec, context)
    assert time.process_time() - started < 3


def test_a_photo_that_is_none_is_refused_in_plain_words(context: NotedContext) -> None:
    key = context.put("photo.jpg", b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    with pytest.raises(UnreadableMedia, match="not a JPEG, PNG or WebP"):
        embed_query(EmbedQuerySpec(photo_key=key, output_prefix="q/"), context)


def test_exif_orientation_is_honoured_and_the_full_size_told(tmp_path: Path) -> None:
    rgb = np.zeros((40, 80, 3), np.uint8)
    rgb[:, :40] = (250, 0, 0)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    path = tmp_path / "turned.jpg"
    Image.fromarray(rgb).save(path, "JPEG", exif=exif, quality=95)
    upright = read_image_rgb(path)
    assert upright.shape == (80, 40, 3)
    assert upright[10, 20, 0] > 200 > upright[70, 20, 0]
    small = read_image(path, max_side_px=20)
    assert small.rgb.shape == (20, 10, 3)
    assert small.full_size_wh == (40, 80)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparency_is_laid_on_white(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "picture"
    Image.new("RGBA", (8, 8), (10, 20, 30, 0)).save(path, kind, lossless=True)
    assert (read_image_rgb(path) == 255).all()


def test_too_many_pixels_are_refused_before_decoding(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    Image.new("1", (9000, 7000)).save(path)
    with pytest.raises(UnreadableMedia, match="63 megapixels"):
        read_image_rgb(path)
    Image.new("1", (12000, 9000)).save(path)
    with pytest.raises(UnreadableMedia):
        read_image_rgb(path)


def test_a_picture_that_ends_too_soon_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "cut"
    for data in (encode(draw_pack(0)[0], "JPEG"), encode(draw_pack(0)[0], "WEBP"), encode(draw_pack(0)[0])):
        for end in range(0, len(data) * 9 // 10, max(1, len(data) // 40)):
            path.write_bytes(data[:end])
            with pytest.raises(UnreadableMedia):
                read_image_rgb(path)


def test_the_fast_encoder_sees_the_whole_picture_and_is_an_encoder_of_its_own(models_dir: Path) -> None:
    fast, full = WholeEncoder(models_dir), Encoder(models_dir)
    picture = np.random.default_rng(5).integers(0, 255, (120, 200, 3), dtype=np.uint8)
    matte = np.zeros((120, 200), dtype=np.uint8)
    vectors = fast.embed([picture, picture], [None, matte])
    assert vectors.shape == (2, 1280)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.array_equal(vectors[0], vectors[1])  # it does not look at mattes
    assert np.allclose(vectors[0], full.extract_features([resize_square(picture)])[0], atol=1e-6)
    assert (fast.facts.name, fast.facts.preprocessing) == ("efficientnet-lite0-whole", "whole/1")
    assert fast.facts.weights_sha256 == full.facts.weights_sha256


def test_a_spec_says_which_encoder_embeds(context: NotedContext) -> None:
    key = context.put("a.png", cv2.imencode(".png", np.full((40, 40, 3), 90, np.uint8))[1].tobytes())
    images = (ImageInput(image_id="a", key=key),)
    for name, dim in (("efficientnet-lite0-whole", 1280), ("auto", 1352), ("efficientnet-lite0", 1352)):
        spec = EmbedImagesSpec.model_validate({"images": images, "output_prefix": "out/", "encoder": name})
        found = embed_images(spec, context)
        assert found.encoder.dim == dim
        assert found.encoder.name == ("efficientnet-lite0" if name == "auto" else name)
