"""Stage: turn many stored pictures into one matrix of comparable vectors."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.errors import NotFound, StageFailed, UnreadableMedia
from buybuddy.ml.images import read_image_rgb, read_matte
from buybuddy.ml.retrieval.encoder import Encoder
from buybuddy.ml.retrieval.preparation import PreparedPicture
from buybuddy.ml.retrieval.whole_encoder import WholeEncoder
from buybuddy.stages.context import StageContext
from buybuddy.stages.specs import (
    EmbedImagesResult,
    EmbedImagesSpec,
    EncoderIdentity,
    EncoderName,
    ImageFailure,
    ImageInput,
)

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]

VECTORS_NAME = "vectors.npy"
_BATCH_SIZE = 8
# Far more than the encoder sees; keeps a batch of large photos small in memory.
_MAX_SIDE_PX = 1600


def embed_images(spec: EmbedImagesSpec, context: StageContext) -> EmbedImagesResult:
    """Embed every readable picture of the Spec; the others are listed with their reasons.

    Writes `vectors.npy`, float32 (n readable, dim), under the output prefix.
    Raises: Misconfigured, StageCancelled, StageFailed when pictures were given and none is readable, Unavailable.
    """
    cv2.setNumThreads(context.n_threads)
    encoder = load_encoder(context.models_dir, context.n_threads, spec.encoder)
    image_ids: list[str] = []
    failures: list[ImageFailure] = []
    blocks: list[FloatArray] = []
    n_done = 0
    for batch in _batches(spec.images):
        prepared: list[PreparedPicture] = []
        for image in batch:
            context.raise_if_cancelled()
            context.report(n_done / len(spec.images), f"embedding {n_done}/{len(spec.images)}")
            n_done += 1
            try:
                prepared.append(encoder.prepare(*_read(image, context)))
            except (UnreadableMedia, NotFound) as error:
                failures.append(ImageFailure(image_id=image.image_id, reason=error.detail))
                context.log("image_left_out", image_id=image.image_id, reason=error.detail)
                continue
            image_ids.append(image.image_id)
        blocks.append(encoder.embed_prepared(prepared))
    is_chain = spec.fill is not None or spec.dataset is not None  # which goes on behind pictures that are broken
    if spec.images and not image_ids and not is_chain:
        raise StageFailed(f"None of {len(spec.images)} pictures could be read; the first: {failures[0].reason}")
    vectors = np.concatenate(blocks) if blocks else np.empty((0, encoder.facts.dim), dtype=np.float32)
    stored = context.write_output(f"{spec.output_prefix}{VECTORS_NAME}", encode_npy(vectors))
    context.report(1.0, "done")
    return EmbedImagesResult(
        encoder=identify(encoder),
        vectors_key=stored.key,
        image_ids=tuple(image_ids),
        failures=tuple(failures),
    )


def load_encoder(models_dir: Path, n_threads: int, name: EncoderName = "auto") -> Encoder:
    """Return an encoder, loaded once in the life of the stage process. Raises: Misconfigured."""
    return _load_encoder(models_dir, n_threads, name == "efficientnet-lite0-whole")


@lru_cache(maxsize=3)
def _load_encoder(models_dir: Path, n_threads: int, is_whole: bool) -> Encoder:
    return (WholeEncoder if is_whole else Encoder)(models_dir, n_threads)


def identify(encoder: Encoder) -> EncoderIdentity:
    """Say in the Result's words which encoder made a vector."""
    facts = encoder.facts
    return EncoderIdentity(
        name=facts.name, weights_sha256=facts.weights_sha256, preprocessing=facts.preprocessing, dim=facts.dim
    )


def _batches(images: Sequence[ImageInput]) -> Iterator[Sequence[ImageInput]]:
    for start in range(0, len(images), _BATCH_SIZE):
        yield images[start : start + _BATCH_SIZE]


def _read(image: ImageInput, context: StageContext) -> tuple[UInt8Array, UInt8Array | None]:
    if image.matte_key is None:
        with lend_input(image.key, context) as path:
            return read_image_rgb(path, max_side_px=_MAX_SIDE_PX), None
    with lend_input(image.key, context) as path, lend_input(image.matte_key, context) as matte_path:
        picture, matte = read_image_rgb(path), read_matte(matte_path)
    if matte.shape != picture.shape[:2]:
        raise UnreadableMedia(f"Picture {picture.shape[1::-1]} and matte {matte.shape[::-1]} differ in size.")
    return picture, matte


@contextmanager
def lend_input(key: str, context: StageContext) -> Iterator[Path]:
    """Lend an object's file; a copy in the scratch folder goes at once, so that a large set does not fill the disk."""
    path = context.read_input(key)
    try:
        yield path
    finally:
        if path.is_relative_to(context.scratch_dir):
            path.unlink(missing_ok=True)


def encode_npy(rows: FloatArray | UInt8Array) -> bytes:
    """Return an array as the bytes of a .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, rows, allow_pickle=False)
    return buffer.getvalue()
