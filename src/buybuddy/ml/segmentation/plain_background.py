"""Shop pictures: a product before one light colour, which is cut away without any network."""

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.ml.segmentation.masks import BoolArray, find_components

UInt8Array = npt.NDArray[np.uint8]

_BORDER_FRACTION = 0.01  # of the shorter side: how wide the frame is in which the background must show
# Of the grocery set's 41 shop pictures the frame is 0.86 to 1.0 of one colour; of its 2,606 photos at most 0.49.
_MIN_PLAIN_FRACTION = 0.65
_MIN_LIGHT = 200  # of 255, in each channel
_TOLERANCE = 9  # in each channel; what JPEG does to a plain colour stays below it
_MIN_THING_FRACTION, _MAX_THING_FRACTION = 0.005, 0.98
_SPECK_FRACTION = 0.0005  # a smaller piece is dirt, and would widen the product's box


def cut_from_plain(rgb: UInt8Array) -> UInt8Array | None:
    """Return the matte of a shop picture: all but the light colour that comes in from its border.

    Args:
        rgb: (H, W, 3) uint8 RGB, upright.
    Returns: (H, W) uint8, 255 where the product is, else 0; None when the background is not plain and light, as in
        a photo, or when nothing stands before it.
    """
    colour = find_plain_colour(rgb)
    if colour is None:
        return None
    is_near = _is_near(rgb, colour)
    n_labels, labels = cv2.connectedComponents(is_near.astype(np.uint8), connectivity=4)
    reaches_border = np.zeros(n_labels, dtype=bool)
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        reaches_border[edge] = True
    reaches_border[0] = False  # what is not near the colour at all
    thing = np.zeros(is_near.shape, dtype=bool)
    for piece in find_components(~reaches_border[labels], max(1, round(_SPECK_FRACTION * is_near.size))):
        thing |= piece.mask
    if not _MIN_THING_FRACTION <= thing.mean() <= _MAX_THING_FRACTION:
        return None
    return np.asarray(thing * np.uint8(255), dtype=np.uint8)


def find_plain_colour(rgb: UInt8Array) -> UInt8Array | None:
    """Return the one light colour along the border of a (H, W, 3) uint8 picture as (3,) uint8; None without one.

    A product may reach over the border in places, but in one corner at most.
    """
    width = max(1, round(_BORDER_FRACTION * min(rgb.shape[:2])))
    parts = (rgb[:width], rgb[-width:], rgb[width:-width, :width], rgb[width:-width, -width:])
    frame = np.concatenate([part.reshape(-1, 3) for part in parts])
    colour = np.asarray(np.median(frame, axis=0), dtype=np.uint8)
    corners = rgb[[0, 0, -1, -1], [0, -1, 0, -1]]
    is_plain = _is_near(frame, colour).mean() >= _MIN_PLAIN_FRACTION and _is_near(corners, colour).sum() >= 3
    return colour if is_plain and int(colour.min()) >= _MIN_LIGHT else None


def _is_near(pixels: UInt8Array, colour: UInt8Array) -> BoolArray:
    """Say which of (..., 3) uint8 pixels differ from a colour by no more than the tolerance in any channel."""
    low = np.clip(colour.astype(np.int16) - _TOLERANCE, 0, 255).astype(np.uint8)
    high = np.clip(colour.astype(np.int16) + _TOLERANCE, 0, 255).astype(np.uint8)
    return np.asarray(((pixels >= low) & (pixels <= high)).all(axis=-1), dtype=np.bool_)
