"""Stage: look at one picture that somebody has just sent for a product; they wait for it."""

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.ml.images import encode_picture, read_image
from buybuddy.ml.segmentation.plain_background import cut_from_plain
from buybuddy.stages.context import StageContext
from buybuddy.stages.specs import TakeInImageResult, TakeInImageSpec

UInt8Array = npt.NDArray[np.uint8]

_THUMBNAIL_SIDE_PX = 320
# The outline of a product is found at this size: far more than the encoder sees, and bounded in memory.
_MAX_SIDE_PX = 1600


def take_in_image(spec: TakeInImageSpec, context: StageContext) -> TakeInImageResult:
    """Read a picture whole, make its thumbnail, and cut a shop picture from its plain background.

    Writes `thumbnail.webp` and, where the background is plain, `matte.png` under the output prefix.
    Raises: UnreadableMedia, StageCancelled, Unavailable.
    """
    cv2.setNumThreads(context.n_threads)
    path = context.read_input(spec.image_key)
    read = read_image(path, max_side_px=_MAX_SIDE_PX)
    context.raise_if_cancelled()
    small = context.write_output(
        f"{spec.output_prefix}thumbnail.webp", encode_picture(shrink(read.rgb, _THUMBNAIL_SIDE_PX), ".webp")
    )
    matte_key = None
    matte = cut_from_plain(read.rgb) if spec.is_shop_picture else None
    if matte is not None:
        if read.full_size_wh != matte.shape[::-1]:
            resized = cv2.resize(matte, read.full_size_wh, interpolation=cv2.INTER_LINEAR)
            matte = np.asarray(resized, dtype=np.uint8)
        matte_key = context.write_output(f"{spec.output_prefix}matte.png", encode_picture(matte, ".png")).key
    width, height = read.full_size_wh
    return TakeInImageResult(width_px=width, height_px=height, thumbnail_key=small.key, matte_key=matte_key)


def shrink(rgb: UInt8Array, max_side_px: int) -> UInt8Array:
    """Return a (H, W, 3) uint8 picture whose longer side is at most so long; a smaller one stays as it is."""
    scale = max_side_px / max(rgb.shape[:2])
    if scale >= 1:
        return rgb
    size_wh = max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale))
    return np.asarray(cv2.resize(rgb, size_wh, interpolation=cv2.INTER_AREA), dtype=np.uint8)
