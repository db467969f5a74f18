"""The stage that reads photos of the pool, and what near-duplicates share."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from buybuddy.domain.photos.rules import MOST_HASH_BITS, count_differing_bits, is_same_scene
from buybuddy.errors import StageCancelled
from buybuddy.ml.near_duplicates import hash_picture, shrink_to_scene
from buybuddy.ml.retrieval.encoder import EMBEDDING_DIM, Encoder
from buybuddy.stages.read_photos import read_photos
from buybuddy.stages.specs import PhotoInput, ReadPhotosSpec
from tests.integration.test_photos import scene
from tests.ml.test_retrieval import NotedContext, UInt8Array, context, encode, models_dir

__all__ = ["context", "models_dir"]  # fixtures


def spec_of(*names: str) -> ReadPhotosSpec:
    photos = tuple(PhotoInput(photo_id=name, key=f"real-images/{name}") for name in names)
    return ReadPhotosSpec(photos=photos, output_prefix="real-images/readings/1/")


def test_photos_are_measured_shrunk_and_embedded_and_the_unreadable_listed(
    context: NotedContext, tmp_path: Path
) -> None:
    picture = np.asarray(scene(1, (900, 600)))
    turned = Image.Exif()
    turned[0x0112] = 6  # to be shown a quarter turned
    context.put("real-images/a", encode(picture))
    context.put("real-images/b", encode(picture, "JPEG", exif=turned))
    context.put("real-images/c", encode(picture, "JPEG")[:2000])
    result = read_photos(spec_of("a", "c", "b", "gone"), context)
    assert [(one.photo_id, one.width_px, one.height_px) for one in result.photos] == [("a", 900, 600), ("b", 600, 900)]
    assert [one.image_id for one in result.failures] == ["c", "gone"]
    thumbnail = Image.open(io.BytesIO((tmp_path / result.photos[1].thumbnail_key).read_bytes()))
    assert (thumbnail.format, thumbnail.size) == ("WEBP", (213, 320))
    vectors, scenes = np.load(tmp_path / result.vectors_key), np.load(tmp_path / result.scenes_key)
    assert (vectors.shape, scenes.shape, scenes.dtype) == ((2, EMBEDDING_DIM), (2, 16, 16, 3), np.uint8)
    expected = Encoder(context.models_dir).embed([picture], [None])
    np.testing.assert_allclose(vectors[:1], expected, atol=1e-5)
    nothing = read_photos(spec_of("c"), context)
    assert np.load(tmp_path / nothing.vectors_key).shape == (0, EMBEDDING_DIM) and nothing.photos == ()


def test_reading_stops_when_asked(context: NotedContext) -> None:
    context.put("real-images/a", encode(np.asarray(scene(1))))
    context.cancelled.set()
    with pytest.raises(StageCancelled):
        read_photos(spec_of("a"), context)


def test_copies_share_hash_and_scene_and_other_photos_do_not() -> None:
    def is_duplicate(first: UInt8Array, second: UInt8Array) -> bool:
        bits = count_differing_bits(hash_picture(first), hash_picture(second))
        return bits <= MOST_HASH_BITS and is_same_scene(shrink_to_scene(first), shrink_to_scene(second))

    pictures = [np.asarray(scene(seed)) for seed in range(12)]
    for picture in pictures:
        smaller = cv2.resize(picture, (160, 120), interpolation=cv2.INTER_AREA)
        rough = np.asarray(Image.open(io.BytesIO(encode(np.asarray(smaller, np.uint8), "JPEG", quality=60))))
        other = picture.copy()
        other[80:150, 100:170] = 255 - other[80:150, 100:170]  # another thing at the same place
        assert is_duplicate(picture, rough)
        assert not is_duplicate(picture, other)
    assert not any(is_duplicate(a, b) for number, a in enumerate(pictures) for b in pictures[:number])
