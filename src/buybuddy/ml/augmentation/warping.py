"""Bending and turning a cut-out, in one resampling whatever is done to it."""

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.ml.augmentation.drawing import draw_around, draw_in, happens
from buybuddy.recipes import Blur, Warp

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]

_CELL_PX = 8  # where a picture comes from is computed this often, and straight between
_GRID_CELLS = 5


class Placed(NamedTuple):
    """A warped cut-out and where its upper left corner lies in the picture; it may reach over the border."""

    rgba: UInt8Array
    left: int
    top: int

    @property
    def foot(self) -> int:
        """The row below its last one."""
        return self.top + int(self.rgba.shape[0])


class Distortion(NamedTuple):
    """Bends a unit square onto itself.

    Args:
        knots_x, knots_y: (6,) where the borders of a 5 × 5 grid come from.
        lens: barrel below 0, pincushion above.
    """

    knots_x: FloatArray
    knots_y: FloatArray
    lens: float

    def bend(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Say where points of the square come from; points outside of it stay outside."""
        if self.lens:
            dx, dy = x - np.float32(0.5), y - np.float32(0.5)
            # A pincushion keeps the middles of the sides in place, a barrel the corners: nothing leaves the square.
            factor = (1 + self.lens * (4 if self.lens > 0 else 2) * (dx * dx + dy * dy)) / (1 + self.lens)
            x, y = (np.asarray(d * factor + 0.5, dtype=np.float32) for d in (dx, dy))
        steps = np.linspace(0, 1, _GRID_CELLS + 1, dtype=np.float32)
        return _between(x, steps, self.knots_x), _between(y, steps, self.knots_y)


def _between(values: FloatArray, at: FloatArray, knots: FloatArray) -> FloatArray:
    """Interpolate, and go on with slope 1 beyond both ends."""
    inside = np.interp(values, at, knots)
    return np.asarray(inside + np.minimum(values, 0) + np.maximum(values - 1, 0), dtype=np.float32)


def draw_distortion(stream: np.random.Generator, warp: Warp) -> Distortion | None:
    """Draw how a cut-out is bent; None when it is not."""
    has_grid = happens(stream, warp.distortion_probability) and warp.grid_distortion > 0
    has_lens = happens(stream, warp.distortion_probability) and warp.optical_distortion > 0
    knots = [np.linspace(0, 1, _GRID_CELLS + 1, dtype=np.float32)] * 2
    if has_grid:
        for axis in range(2):
            cells = 1 + warp.grid_distortion * (2 * stream.random(_GRID_CELLS) - 1)
            knots[axis] = np.concatenate([[0.0], np.cumsum(cells) / cells.sum()]).astype(np.float32)
    lens = draw_around(stream, warp.optical_distortion) if has_lens else 0.0
    return Distortion(knots[0], knots[1], lens) if has_grid or lens else None


def draw_homography(stream: np.random.Generator, warp: Warp, size_wh: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Draw how the plane of a cut-out is seen: turned, sheared, in perspective.

    Returns: (3, 3), from pixels of the cut-out to a plane around its middle.
    """
    width, height = size_wh
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
    strength = draw_in(stream, warp.perspective)
    moves = stream.normal(0, 1, (4, 2)).clip(-2, 2)
    moved = corners + (strength * moves * (width, height)).astype(np.float32)
    seen = cv2.getPerspectiveTransform(corners, moved) if strength > 0 else np.eye(3)
    angle = np.radians(draw_around(stream, warp.rotate_deg))
    shear_x, shear_y = (np.tan(np.radians(draw_around(stream, warp.shear_deg))) for _ in range(2))
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    shear = np.array([[1, shear_x, 0], [shear_y, 1, 0], [0, 0, 1]])
    to_middle = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1]])
    return np.asarray(turn @ shear @ to_middle @ seen, dtype=np.float64)


def warp_into(
    rgba: UInt8Array,
    homography: npt.NDArray[np.float64],
    distortion: Distortion | None,
    longest_px: float,
    room_xyxy: tuple[float, float, float, float],
    place_xy: tuple[float, float],
) -> Placed:
    """Warp a cut-out and put it into a room of the picture.

    Args:
        rgba: (h, w, 4) uint8, premultiplied.
        homography: see draw_homography.
        longest_px: how long the longer side of its box becomes; less when the room is smaller.
        room_xyxy: where it may lie, in pixels; as large as need be for what may be cut.
        place_xy: where in the free space of the room its box lies, 0 to 1.
    """
    height, width = rgba.shape[:2]
    corners = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], dtype=np.float64)
    outline = cv2.perspectiveTransform(corners, homography)[0]
    low, size = outline.min(axis=0), np.ptp(outline, axis=0)
    room_wh = np.array([room_xyxy[2] - room_xyxy[0], room_xyxy[3] - room_xyxy[1]])
    scale = min(longest_px / size.max(), *(room_wh / size))
    left_top = np.array(room_xyxy[:2]) + (room_wh - scale * size) * place_xy
    into = np.array([[scale, 0, left_top[0] - scale * low[0]], [0, scale, left_top[1] - scale * low[1]], [0, 0, 1]])
    left, top = (int(v) for v in np.floor(left_top))
    right, bottom = (int(v) for v in np.ceil(left_top + scale * size))
    back = np.asarray(np.linalg.inv(into @ homography), dtype=np.float64)
    box_wh = max(1, right - left), max(1, bottom - top)
    if distortion is None:
        shift = np.array([[1, 0, left], [0, 1, top], [0, 0, 1]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        warped = cv2.warpPerspective(rgba, back @ shift, box_wh, flags=flags, borderMode=cv2.BORDER_CONSTANT)
    else:
        maps = _find_sources(back, distortion, (left, top), box_wh, (width, height))
        warped = cv2.remap(rgba, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return Placed(np.asarray(warped, dtype=np.uint8), left, top)


def _find_sources(
    back: npt.NDArray[np.float64],
    distortion: Distortion,
    left_top: tuple[int, int],
    box_wh: tuple[int, int],
    size_wh: tuple[int, int],
) -> tuple[FloatArray, FloatArray]:
    """Return for each pixel of a box where in the cut-out it comes from: x and y, (h, w) float32."""
    # Cells begin one before the box and end one behind it: beyond the outer ones cv2.resize goes on flat.
    n_x, n_y = (-(-side // _CELL_PX) + 2 for side in box_wh)
    x = left_top[0] + (np.arange(n_x, dtype=np.float32) - np.float32(0.5)) * _CELL_PX - np.float32(0.5)
    y = left_top[1] + (np.arange(n_y, dtype=np.float32) - np.float32(0.5)) * _CELL_PX - np.float32(0.5)
    points = np.stack(np.meshgrid(x, y), axis=-1)
    flat = cv2.perspectiveTransform(points, back)
    width, height = size_wh
    from_x, from_y = distortion.bend(flat[..., 0] / np.float32(width), flat[..., 1] / np.float32(height))
    cells = np.dstack([from_x * np.float32(width), from_y * np.float32(height)])
    fine = cv2.resize(cells, (n_x * _CELL_PX, n_y * _CELL_PX), interpolation=cv2.INTER_LINEAR)
    part = fine[_CELL_PX : _CELL_PX + box_wh[1], _CELL_PX : _CELL_PX + box_wh[0]]
    return np.ascontiguousarray(part[..., 0]), np.ascontiguousarray(part[..., 1])


def draw_blur(stream: np.random.Generator, blur: Blur) -> FloatArray | int | None:
    """Draw a blur: None, the side of a Gaussian one, or the kernel of a motion, (k, k) float32."""
    is_blurred = happens(stream, blur.probability)
    is_motion = happens(stream, 0.5)
    side = blur.side_px[0] + 2 * int(stream.integers((blur.side_px[1] - blur.side_px[0]) // 2 + 1))
    angle = np.pi * stream.random()
    if not is_blurred or side < 3:
        return None
    if not is_motion:
        return side
    kernel = np.zeros((side, side), dtype=np.float32)
    reach = (side - 1) / 2 * np.array([np.cos(angle), np.sin(angle)])
    middle = (side - 1) / 2
    ends = [(round(middle + sign * reach[0]), round(middle + sign * reach[1])) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0)
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)


def apply_blur(placed: Placed, blur: FloatArray | int | None) -> Placed:
    """Blur a warped cut-out; it grows by what the blur reaches."""
    if blur is None:
        return placed
    reach = (blur if isinstance(blur, int) else len(blur)) // 2
    grown = cv2.copyMakeBorder(placed.rgba, reach, reach, reach, reach, cv2.BORDER_CONSTANT, value=(0, 0, 0, 0))
    if isinstance(blur, int):
        blurred = cv2.GaussianBlur(grown, (blur, blur), 0, borderType=cv2.BORDER_REPLICATE)
    else:
        blurred = cv2.filter2D(grown, -1, blur, borderType=cv2.BORDER_REPLICATE)
    return Placed(np.asarray(blurred, dtype=np.uint8), placed.left - reach, placed.top - reach)
