"""Stage: look at photos of the pool once, and keep all that is ever asked of them.

A photo is decoded once. What is made besides its vector is made from a small copy: next to the encoder it costs little.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.errors import NotFound, UnreadableMedia
from buybuddy.ml.images import encode_picture, read_image
from buybuddy.ml.metadata.barcodes import rank_barcodes, read_barcodes
from buybuddy.ml.near_duplicates import SCENE_SIDE_PX, hash_picture, shrink_to_scene
from buybuddy.ml.retrieval.encoder import Encoder
from buybuddy.ml.retrieval.preparation import PreparedPicture
from buybuddy.stages.context import StageContext
from buybuddy.stages.embed_images import encode_npy, identify, lend_input, load_encoder
from buybuddy.stages.specs import ImageFailure, PhotoFacts, PhotoInput, ReadPhotosResult, ReadPhotosSpec
from buybuddy.stages.take_in_image import shrink

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]

_BATCH_SIZE = 8
# Enough for a barcode in a photo of a shelf; more only costs time.
_MAX_SIDE_PX = 2400
_THUMBNAIL_SIDE_PX = 320


@dataclass
class _Reading:
    """What was read so far; the lists are in one order."""

    photos: list[PhotoFacts] = field(default_factory=list)
    scenes: list[UInt8Array] = field(default_factory=list)
    blocks: list[FloatArray] = field(default_factory=list)
    failures: list[ImageFailure] = field(default_factory=list)


def read_photos(spec: ReadPhotosSpec, context: StageContext) -> ReadPhotosResult:
    """Measure, hash, shrink and embed every readable photo of the Spec; the others are listed with their reasons.

    Writes under the output prefix `thumbnails/<photo_id>.webp`, `vectors.npy`, float32 (n readable, dim), and
    `scenes.npy`, uint8 (n readable, 16, 16, 3) RGB.
    Raises: Misconfigured, StageCancelled, Unavailable.
    """
    cv2.setNumThreads(context.n_threads)
    encoder = load_encoder(context.models_dir, context.n_threads, spec.encoder)
    reading = _Reading()
    for start in range(0, len(spec.photos), _BATCH_SIZE):
        _read_batch(spec, spec.photos[start : start + _BATCH_SIZE], start, encoder, reading, context)
    vectors = np.concatenate(reading.blocks) if reading.blocks else np.empty((0, encoder.facts.dim), np.float32)
    scenes = np.array(reading.scenes, dtype=np.uint8).reshape(-1, SCENE_SIDE_PX, SCENE_SIDE_PX, 3)
    vectors_key = context.write_output(f"{spec.output_prefix}vectors.npy", encode_npy(vectors)).key
    scenes_key = context.write_output(f"{spec.output_prefix}scenes.npy", encode_npy(scenes)).key
    context.report(1.0, "done")
    return ReadPhotosResult(
        encoder=identify(encoder),
        vectors_key=vectors_key,
        scenes_key=scenes_key,
        photos=tuple(reading.photos),
        failures=tuple(reading.failures),
    )


def _read_batch(
    spec: ReadPhotosSpec,
    photos: Sequence[PhotoInput],
    n_done: int,
    encoder: Encoder,
    reading: _Reading,
    context: StageContext,
) -> None:
    prepared: list[PreparedPicture] = []
    for photo in photos:
        context.raise_if_cancelled()
        context.report(n_done / len(spec.photos), f"reading {n_done}/{len(spec.photos)}")
        n_done += 1
        try:
            with lend_input(photo.key, context) as path:
                read = read_image(path, max_side_px=_MAX_SIDE_PX)
        except (UnreadableMedia, NotFound) as error:
            reading.failures.append(ImageFailure(image_id=photo.photo_id, reason=error.detail))
            context.log("photo_left_out", photo_id=photo.photo_id, reason=error.detail)
            continue
        prepared.append(encoder.prepare(read.rgb, None))
        small = shrink(read.rgb, _THUMBNAIL_SIDE_PX)
        thumbnail = context.write_output(
            f"{spec.output_prefix}thumbnails/{photo.photo_id}.webp", encode_picture(small, ".webp")
        )
        reading.scenes.append(shrink_to_scene(small))
        reading.photos.append(
            PhotoFacts(
                photo_id=photo.photo_id,
                width_px=read.full_size_wh[0],
                height_px=read.full_size_wh[1],
                thumbnail_key=thumbnail.key,
                phash=hash_picture(small),
                barcodes_seen=rank_barcodes([read_barcodes(read.rgb)]),
            )
        )
    if prepared:
        reading.blocks.append(encoder.embed_prepared(prepared))
