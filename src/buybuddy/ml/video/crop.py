"""Squares cut from frames: the close view a network looks at, and the finished picture on black."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.ml.segmentation.masks import BoxXyxy, guided_filter

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
IntBoxXyxy = tuple[int, int, int, int]

VIEW_SIDE_PX = 320


@dataclass(frozen=True)
class CutOut:
    """A product on black with its matte, aligned.

    Args:
        rgb: (S, S, 3) uint8 RGB, black where the matte is 0.
        matte: (S, S) uint8.
        source_box_xyxy: where the square was taken from, in upright source pixels; may reach outside the frame.
    """

    rgb: UInt8Array
    matte: UInt8Array
    source_box_xyxy: IntBoxXyxy


def view_region(box_xyxy: BoxXyxy, frame_wh: tuple[int, int], expand: float = 1.5) -> IntBoxXyxy:
    """Choose the part of the frame around a box that is looked at closely: square where the frame allows it.

    Args:
        box_xyxy: tight box in frame pixels.
        frame_wh: frame size.
        expand: side of the region over the longer side of the box.
    Returns: integer box inside the frame.
    """
    x0, y0, x1, y1 = box_xyxy
    side = max(x1 - x0, y1 - y0, 16) * expand
    spans = []
    for low, high, limit in ((x0, x1, frame_wh[0]), (y0, y1, frame_wh[1])):
        length = min(side, float(limit))
        start = min(max((low + high - length) / 2, 0.0), limit - length)
        spans.append((round(start), min(limit, round(start + length))))
    return spans[0][0], spans[1][0], spans[0][1], spans[1][1]


def take_view(image: npt.NDArray[np.generic], region_xyxy: IntBoxXyxy) -> npt.NDArray[np.generic]:
    """Squeeze a region of a picture or mask into the 320×320 view."""
    x0, y0, x1, y1 = region_xyxy
    part = np.asarray(image)[y0:y1, x0:x1]
    shrinking = max(x1 - x0, y1 - y0) > VIEW_SIDE_PX
    interpolation = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, (VIEW_SIDE_PX, VIEW_SIDE_PX), interpolation=interpolation))


def product_square(box_xyxy: BoxXyxy, margin_fraction: float) -> IntBoxXyxy:
    """Return the square that centres a box and leaves the margin on its longer side."""
    x0, y0, x1, y1 = box_xyxy
    side = max(8, round(max(x1 - x0, y1 - y0) / (1 - 2 * margin_fraction)))
    left, top = round((x0 + x1 - side) / 2), round((y0 + y1 - side) / 2)
    return left, top, left + side, top + side


def view_box_to_frame(box_xyxy: BoxXyxy, region_xyxy: IntBoxXyxy) -> BoxXyxy:
    """Bring a box in view pixels to frame pixels."""
    x0, y0, x1, y1 = region_xyxy
    scale_x, scale_y = (x1 - x0) / VIEW_SIDE_PX, (y1 - y0) / VIEW_SIDE_PX
    return (
        x0 + box_xyxy[0] * scale_x,
        y0 + box_xyxy[1] * scale_y,
        x0 + box_xyxy[2] * scale_x,
        y0 + box_xyxy[3] * scale_y,
    )


def cut_out(
    frame_rgb: UInt8Array, alpha: FloatArray, region_xyxy: IntBoxXyxy, square_xyxy: IntBoxXyxy, side_px: int
) -> CutOut:
    """Put the product on black, its edge drawn at the frame's own resolution.

    Args:
        frame_rgb: (H, W, 3) uint8 RGB, the whole source frame.
        alpha: (320, 320) float32 in [0, 1], the product's mask in the view.
        region_xyxy: the view's place in the frame.
        square_xyxy: the square to cut, in frame pixels; what lies outside the frame becomes black.
        side_px: side of the finished picture.
    """
    rgb = resize_square(frame_rgb, square_xyxy, side_px)
    soft = _alpha_in_square(alpha, region_xyxy, square_xyxy, side_px)
    luma = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32) / np.float32(255)
    view_pixel_px = side_px / (square_xyxy[2] - square_xyxy[0]) * (region_xyxy[2] - region_xyxy[0]) / VIEW_SIDE_PX
    radius = max(2, round(2.5 * view_pixel_px))
    refined = guided_filter(luma, soft, radius, 1e-3)
    matte = np.clip((refined - 0.5) * 2.5 + 0.45, 0.0, 1.0).astype(np.float32)
    matte[matte < 0.03] = 0.0
    clean = remove_background_colour(rgb, matte, radius * 3)
    on_black = np.round(clean * matte[..., None]).astype(np.uint8)
    return CutOut(on_black, np.round(matte * 255).astype(np.uint8), square_xyxy)


def resize_square(frame_rgb: UInt8Array, square_xyxy: IntBoxXyxy, side_px: int) -> UInt8Array:
    """Cut a square from a frame, black outside of it, and bring it to a size.

    Args:
        frame_rgb: (H, W, 3) uint8 RGB.
        square_xyxy: may reach outside the frame.
        side_px: side of the result.
    """
    height, width = frame_rgb.shape[:2]
    x0, y0, x1, y1 = square_xyxy
    inner = frame_rgb[max(y0, 0) : min(y1, height), max(x0, 0) : min(x1, width)]
    padded = cv2.copyMakeBorder(
        inner, max(-y0, 0), max(y1 - height, 0), max(-x0, 0), max(x1 - width, 0), cv2.BORDER_CONSTANT
    )
    interpolation = cv2.INTER_AREA if x1 - x0 > side_px else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(padded, (side_px, side_px), interpolation=interpolation), dtype=np.uint8)


def remove_background_colour(rgb: UInt8Array, matte: FloatArray, radius_px: int) -> FloatArray:
    """Estimate the product's own colour under a soft edge, so that no halo of the old background is left.

    Args:
        rgb: (H, W, 3) uint8 RGB.
        matte: (H, W) float32 in [0, 1].
        radius_px: how far colours are looked for.
    Returns: (H, W, 3) float32 in [0, 255].
    Source: Forte and Pitié, Approximate Fast Foreground Colour Estimation, ICIP 2021, one pass.
    """
    image = rgb.astype(np.float32)
    side = (2 * radius_px + 1, 2 * radius_px + 1)
    alpha = matte[..., None]
    weight_f = cv2.blur(matte, side)[..., None] + 1e-5
    weight_b = cv2.blur(1 - matte, side)[..., None] + 1e-5
    mean_f = cv2.blur(image * alpha, side) / weight_f
    mean_b = cv2.blur(image * (1 - alpha), side) / weight_b
    estimate = mean_f + alpha * (image - alpha * mean_f - (1 - alpha) * mean_b)
    return np.clip(np.where(alpha > 0.98, image, estimate), 0, 255).astype(np.float32)


def _alpha_in_square(alpha: FloatArray, region_xyxy: IntBoxXyxy, square_xyxy: IntBoxXyxy, side_px: int) -> FloatArray:
    scale = side_px / (square_xyxy[2] - square_xyxy[0])
    scale_x = (region_xyxy[2] - region_xyxy[0]) / VIEW_SIDE_PX * scale
    scale_y = (region_xyxy[3] - region_xyxy[1]) / VIEW_SIDE_PX * scale
    # Pixel centres: view (u + 0.5) * s_region + region.x0 is a frame coordinate, then the square's own scale.
    move_x = (region_xyxy[0] - square_xyxy[0]) * scale + 0.5 * scale_x - 0.5
    move_y = (region_xyxy[1] - square_xyxy[1]) * scale + 0.5 * scale_y - 0.5
    matrix = np.array([[scale_x, 0, move_x], [0, scale_y, move_y]], dtype=np.float64)
    warped = cv2.warpAffine(alpha, matrix, (side_px, side_px), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(warped, dtype=np.float32)
