"""What a picture goes through before the encoder: one way for frames, photos and queries."""

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.ml.segmentation.masks import mask_to_xyxy

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
IntBoxXyxy = tuple[int, int, int, int]

# Change this name with anything in this file that changes a single number that reaches the network.
PREPARATION = "white-square-224/1"
SIDE_PX = 224
_WHITE = 255
_MARGIN_FRACTION = 0.06
# The network was trained on (value - 127) / 128. Source: github.com/tensorflow/tpu, efficientnet/lite.
_MEAN, _SCALE = 127.0, 128.0


def prepare_image(rgb: UInt8Array, matte: UInt8Array | None = None) -> UInt8Array:
    """Bring one picture to the square that the network sees.

    With a matte, the product is laid on white and its box, with a small margin, fills the square; without one the
    whole picture is used. Sides are padded with white, never squeezed.

    Args:
        rgb: (H, W, 3) uint8 RGB, of any background when there is a matte.
        matte: (H, W) uint8, 255 where the product is; one that is empty is ignored.
    Returns: (224, 224, 3) uint8 RGB.
    """
    if matte is not None:
        box = mask_to_xyxy(matte > 127)
        if box is not None:
            x0, y0, x1, y1 = expand_box((int(box[0]), int(box[1]), int(box[2]), int(box[3])), rgb.shape[:2])
            rgb = lay_on_white(rgb[y0:y1, x0:x1], matte[y0:y1, x0:x1])
    return resize_square(pad_to_square(rgb))


def lay_on_white(rgb: UInt8Array, matte: UInt8Array) -> UInt8Array:
    """Composite (H, W, 3) uint8 RGB over white by a (H, W) uint8 matte."""
    alpha = matte.astype(np.float32)[..., None] / 255
    return np.asarray(np.rint(rgb * alpha + _WHITE * (1 - alpha)), dtype=np.uint8)


def expand_box(box_xyxy: IntBoxXyxy, shape_hw: tuple[int, int]) -> IntBoxXyxy:
    """Widen a box by the margin on each side, of its longer side, as far as the picture goes."""
    x0, y0, x1, y1 = box_xyxy
    margin = round(_MARGIN_FRACTION * max(x1 - x0, y1 - y0))
    return max(0, x0 - margin), max(0, y0 - margin), min(shape_hw[1], x1 + margin), min(shape_hw[0], y1 + margin)


def pad_to_square(rgb: UInt8Array) -> UInt8Array:
    """Add white on two sides, so that the picture is in the middle of a square."""
    height, width = rgb.shape[:2]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    padded = cv2.copyMakeBorder(
        rgb, top, side - height - top, left, side - width - left, cv2.BORDER_CONSTANT, value=(_WHITE,) * 3
    )
    return np.asarray(padded, dtype=np.uint8)


def resize_square(rgb: UInt8Array) -> UInt8Array:
    """Resize a picture to 224×224: averaged when it shrinks, cubic when it grows."""
    interpolation = cv2.INTER_AREA if max(rgb.shape[:2]) > SIDE_PX else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(rgb, (SIDE_PX, SIDE_PX), interpolation=interpolation), dtype=np.uint8)


def to_pixels(prepared: UInt8Array) -> FloatArray:
    """Turn (n, 224, 224, 3) uint8 RGB into the network's (n, 3, 224, 224) float32."""
    scaled = (prepared.astype(np.float32) - np.float32(_MEAN)) / np.float32(_SCALE)
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))
