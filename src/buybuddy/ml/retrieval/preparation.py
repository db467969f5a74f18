"""What a picture goes through before the encoder: one way for frames, stored photos and queries.

A frame comes with its matte and gives one view: the product on white, its box stretched to the square. A photo gives
three, whose vectors are averaged: the middle of the photo, the box of what stands out there, and that cut out on grey.
What was tried besides, with figures, is in docs/experiments-retrieval.md.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.ml.retrieval.colour import describe_colours
from buybuddy.ml.segmentation.masks import BoolArray, find_components, mask_to_xyxy
from buybuddy.ml.segmentation.u2netp import U2NetP

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
IntBoxXyxy = tuple[int, int, int, int]

# Change this name with anything here or in colour.py that changes a single number of a vector.
PREPARATION = "middle-box-cutout-colours/1"
SIDE_PX = 224
_WHITE = (255, 255, 255)
_GREY = (124, 116, 104)  # the mean colour of ImageNet
_MARGIN_FRACTION = 0.06
_MIDDLE_FRACTION = 0.7
_SEARCH_FRACTION = 0.75
_MIN_PIECE_FRACTION = 0.03
# How much larger a piece may be for each pixel that it is farther from the middle; in pixels of the 320-pixel saliency.
_SIZE_WEIGHT = 0.3
# The network was trained on (value - 127) / 128. Source: github.com/tensorflow/tpu, efficientnet/lite.
_MEAN, _SCALE = 127.0, 128.0


@dataclass(frozen=True)
class PreparedPicture:
    """What one picture is embedded from.

    Args:
        views: (224, 224, 3) uint8 RGB each; the network's answers to them are averaged.
        colours: (72,) float32 unit vector; see `describe_colours`.
        product_box_xyxy: the thing taken for the product, in pixels of the picture; None when nothing stands out.
    """

    views: tuple[UInt8Array, ...]
    colours: FloatArray
    product_box_xyxy: IntBoxXyxy | None


def prepare_frame(rgb: UInt8Array, matte: UInt8Array) -> PreparedPicture:
    """Lay a cut-out on white and stretch its box, with a small margin, to the square.

    Args:
        rgb: (H, W, 3) uint8 RGB on black.
        matte: (H, W) uint8, 255 where the product is; when it is empty, the whole picture is used.
    """
    box = _box_of(matte > 127)
    if box is None:
        whole = resize_square(rgb)
        return PreparedPicture((whole,), describe_colours(whole, None), None)
    x0, y0, x1, y1 = _expand(box, rgb)
    alpha = matte[y0:y1, x0:x1].astype(np.float32) / np.float32(255)
    view = resize_square(_lay_on(rgb[y0:y1, x0:x1], alpha, _WHITE))
    return PreparedPicture((view,), describe_colours(view, _WHITE), box)


def prepare_photo(rgb: UInt8Array, segmenter: U2NetP) -> PreparedPicture:
    """Find the thing in the middle of a photo and prepare the views that the photo is embedded from.

    Args:
        rgb: (H, W, 3) uint8 RGB, upright.
        segmenter: the saliency network.
    """
    middle = resize_square(_crop(rgb, _middle_box(rgb, _MIDDLE_FRACTION)))
    searched = _middle_box(rgb, _SEARCH_FRACTION)
    part = _crop(rgb, searched)
    alpha = find_middle_thing(part, segmenter)
    box = None if alpha is None else _box_of(alpha > 0.5)
    if alpha is None or box is None:
        return PreparedPicture((middle,), describe_colours(middle, None), None)
    x0, y0, x1, y1 = _expand(box, part)
    boxed = resize_square(part[y0:y1, x0:x1])
    cut = resize_square(_pad_to_square(_lay_on(part[y0:y1, x0:x1], alpha[y0:y1, x0:x1], _GREY), _GREY))
    colours = describe_colours(boxed, None) + describe_colours(cut, _GREY)
    left, top = searched[:2]
    return PreparedPicture(
        (middle, boxed, cut),
        np.asarray(colours / np.linalg.norm(colours), dtype=np.float32),
        (left + box[0], top + box[1], left + box[2], top + box[3]),
    )


def find_middle_thing(rgb: UInt8Array, segmenter: U2NetP) -> FloatArray | None:
    """Return the matte of the piece that stands out and is large and near the middle; None when nothing stands out.

    Args:
        rgb: (H, W, 3) uint8 RGB.
    Returns: (H, W) float32 in [0, 1], its outline sharpened: the network sees a soft halo as a thing of its own.
    """
    saliency = segmenter.saliency(rgb)
    pieces = find_components(saliency > 0.5, max(1, round(_MIN_PIECE_FRACTION * saliency.size)))
    if not pieces:
        return None
    middle = saliency.shape[0] / 2

    def cost(centre_xy: tuple[float, float], area_px: int) -> float:
        return float(np.hypot(centre_xy[0] - middle, centre_xy[1] - middle) - _SIZE_WEIGHT * np.sqrt(area_px))

    chosen = min(pieces, key=lambda piece: cost(piece.centre_xy, piece.area_px))
    reach = cv2.dilate(chosen.mask.astype(np.uint8), np.ones((5, 5), np.uint8))
    soft = cv2.resize(saliency * reach, (rgb.shape[1], rgb.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip((soft - 0.3) / 0.4, 0, 1), dtype=np.float32)


def resize_square(rgb: UInt8Array) -> UInt8Array:
    """Stretch a picture to 224×224: averaged when it shrinks, cubic when it grows."""
    interpolation = cv2.INTER_AREA if max(rgb.shape[:2]) > SIDE_PX else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(rgb, (SIDE_PX, SIDE_PX), interpolation=interpolation), dtype=np.uint8)


def to_pixels(prepared: UInt8Array) -> FloatArray:
    """Turn (n, 224, 224, 3) uint8 RGB into the network's (n, 3, 224, 224) float32."""
    scaled = (prepared.astype(np.float32) - np.float32(_MEAN)) / np.float32(_SCALE)
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))


def _box_of(mask: BoolArray) -> IntBoxXyxy | None:
    box = mask_to_xyxy(mask)
    return None if box is None else (int(box[0]), int(box[1]), int(box[2]), int(box[3]))


def _middle_box(rgb: UInt8Array, fraction: float) -> IntBoxXyxy:
    """Return the square in the middle whose side is a fraction of the shorter side."""
    height, width = rgb.shape[:2]
    side = max(1, int(min(height, width) * fraction))
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def _crop(rgb: UInt8Array, box_xyxy: IntBoxXyxy) -> UInt8Array:
    x0, y0, x1, y1 = box_xyxy
    return rgb[y0:y1, x0:x1]


def _expand(box_xyxy: IntBoxXyxy, rgb: UInt8Array) -> IntBoxXyxy:
    """Widen a box by the margin, of its longer side, as far as the picture goes."""
    x0, y0, x1, y1 = box_xyxy
    margin = round(_MARGIN_FRACTION * max(x1 - x0, y1 - y0))
    return max(0, x0 - margin), max(0, y0 - margin), min(rgb.shape[1], x1 + margin), min(rgb.shape[0], y1 + margin)


def _lay_on(rgb: UInt8Array, alpha: FloatArray, background: tuple[int, int, int]) -> UInt8Array:
    """Composite (H, W, 3) uint8 RGB over a colour by a (H, W) float32 matte in [0, 1]."""
    weight = alpha[..., None]
    return np.asarray(np.rint(rgb * weight + np.array(background, np.float32) * (1 - weight)), dtype=np.uint8)


def _pad_to_square(rgb: UInt8Array, colour: tuple[int, int, int]) -> UInt8Array:
    height, width = rgb.shape[:2]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    edges = (top, side - height - top, left, side - width - left)
    return np.asarray(cv2.copyMakeBorder(rgb, *edges, cv2.BORDER_CONSTANT, value=colour), dtype=np.uint8)
