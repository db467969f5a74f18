"""Laying things on a picture. Colours with an opacity are multiplied by it, so each step is one product and one sum."""

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.ml.augmentation.warping import Placed

UInt8Array = npt.NDArray[np.uint8]

_SMALL = 4  # strong blurs are done at a quarter of the size


def lay_on(picture: UInt8Array, placed: Placed) -> None:
    """Lay a premultiplied cut-out on a (H, W, 3) uint8 picture, in place; what reaches over the border is left away."""
    inside = _overlap(picture, placed)
    if inside is None:
        return
    (y0, y1, x0, x1), part = inside
    beneath = picture[y0:y1, x0:x1]
    through = cv2.bitwise_not(np.ascontiguousarray(part[..., 3]))
    dimmed = cv2.multiply(beneath, cv2.merge([through] * 3), scale=1 / 255)
    picture[y0:y1, x0:x1] = cv2.add(dimmed, np.ascontiguousarray(part[..., :3]))


def opacity_of(placed: Placed, side_px: int) -> UInt8Array:
    """Return a cut-out's opacity in the whole picture, (side, side) uint8."""
    whole = np.zeros((side_px, side_px), dtype=np.uint8)
    inside = _overlap(whole, placed)
    if inside is not None:
        (y0, y1, x0, x1), part = inside
        whole[y0:y1, x0:x1] = part[..., 3]
    return whole


def darken(picture: UInt8Array, shade: UInt8Array) -> None:
    """Darken a picture in place by a (H, W) uint8 shade, of which 255 is black."""
    through = cv2.bitwise_not(shade)
    picture[:] = cv2.multiply(picture, cv2.merge([through] * 3), scale=1 / 255)


def soften(mask: UInt8Array, sigma_px: float, opacity: float, shift_xy: tuple[float, float] = (0, 0)) -> UInt8Array:
    """Make a soft shade of a mask: blurred, moved, and of an opacity of 0 to 255 at most."""
    height, width = mask.shape
    small_wh = max(1, width // _SMALL), max(1, height // _SMALL)
    small = cv2.resize(mask, small_wh, interpolation=cv2.INTER_AREA)
    if shift_xy != (0, 0):
        move = np.array([[1, 0, shift_xy[0] / _SMALL], [0, 1, shift_xy[1] / _SMALL]], dtype=np.float64)
        small = cv2.warpAffine(small, move, small_wh, flags=cv2.INTER_LINEAR)
    sigma = max(0.3, sigma_px / _SMALL)
    soft = cv2.GaussianBlur(small, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    soft = cv2.convertScaleAbs(soft, alpha=opacity / 255)
    return np.asarray(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def tint(rgba: UInt8Array, gains: tuple[float, float, float]) -> UInt8Array:
    """Multiply the colours of a premultiplied cut-out; none becomes lighter than its opacity allows."""
    scaled = cv2.multiply(rgba, np.array([*gains, 1.0]))
    limit = np.ascontiguousarray(rgba[..., 3])
    return np.asarray(cv2.min(scaled, cv2.merge([limit] * 4)), dtype=np.uint8)


def _overlap(picture: UInt8Array, placed: Placed) -> tuple[tuple[int, int, int, int], UInt8Array] | None:
    height, width = placed.rgba.shape[:2]
    y0, x0 = max(0, placed.top), max(0, placed.left)
    y1, x1 = min(picture.shape[0], placed.top + height), min(picture.shape[1], placed.left + width)
    if y0 >= y1 or x0 >= x1:
        return None
    part = placed.rgba[y0 - placed.top : y1 - placed.top, x0 - placed.left : x1 - placed.left]
    return (y0, y1, x0, x1), part
