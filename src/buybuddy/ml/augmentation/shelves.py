"""Drawn shelves: what stands behind and beside products in a store, for those who have no photos of one."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.ml.augmentation.compositing import darken, lay_on, opacity_of, soften
from buybuddy.ml.augmentation.cut_outs import CutOut
from buybuddy.ml.augmentation.drawing import draw_around, draw_in, happens
from buybuddy.ml.augmentation.warping import Placed

UInt8Array = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]

_RAIL_COLOURS: tuple[Colour, ...] = ((236, 236, 232), (210, 212, 214), (196, 30, 38), (250, 208, 30), (40, 44, 52))
_BOARD_COLOURS: tuple[Colour, ...] = ((225, 225, 222), (196, 198, 200), (160, 130, 98), (90, 94, 100))
_LABEL_COLOURS: tuple[Colour, ...] = ((252, 252, 250), (255, 236, 92), (246, 246, 240))


@dataclass(frozen=True)
class Backdrop:
    """What a cut-out is laid on.

    Args:
        rgb: (H, W, 3) uint8 RGB, at least as large as the picture.
        foot: the row on which things stand, as a share of the height; None when nobody knows.
    """

    rgb: UInt8Array
    foot: float | None = None


def draw_shelf(stream: np.random.Generator, side_px: int, others: Sequence[CutOut]) -> Backdrop:
    """Draw a part of a shelf from the front, seen as far as a phone held before it would.

    Args:
        others: products that stand on it; coloured boxes where there are none.
    """
    picture = _draw_back(stream, side_px)
    foot = draw_in(stream, (0.74, 0.93))
    foot_px = round(foot * side_px)
    height_px = draw_in(stream, (0.45, 0.8)) * side_px
    board_px = round(draw_in(stream, (0.02, 0.05)) * side_px)
    rail_px = round(draw_in(stream, (0.06, 0.11)) * side_px)
    board = _BOARD_COLOURS[int(stream.integers(len(_BOARD_COLOURS)))]
    rail = _RAIL_COLOURS[int(stream.integers(len(_RAIL_COLOURS)))]
    above_px = round(foot_px - height_px * draw_in(stream, (1.15, 1.4)))
    if above_px > 0:
        _fill_row(stream, picture, above_px - board_px - rail_px, height_px, others)
        _draw_board(stream, picture, above_px - board_px - rail_px, board_px, rail_px, board, rail)
        darken(picture[above_px : above_px + side_px // 6], _fade(min(side_px // 6, side_px - above_px), side_px))
    _fill_row(stream, picture, foot_px, height_px, others)
    _draw_board(stream, picture, foot_px, board_px, rail_px, board, rail)
    sigma = draw_in(stream, (0.6, 2.2))
    return Backdrop(
        np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), dtype=np.uint8), foot + 0.4 * board_px / side_px
    )


def draw_rail(stream: np.random.Generator, picture: UInt8Array, top: int) -> None:
    """Draw a price rail with labels from a row on, in place; it hides what stands behind it."""
    side_px = picture.shape[0]
    height = max(4, round(draw_in(stream, (0.07, 0.12)) * side_px))
    colour = _RAIL_COLOURS[int(stream.integers(len(_RAIL_COLOURS)))]
    shade = np.zeros(picture.shape[:2], dtype=np.uint8)
    shade[max(0, top - 2) : top + height + 3] = 255
    darken(picture, soften(shade, 5, 90))
    _draw_strip(stream, picture, top, height, colour)
    if top + height < side_px:
        picture[top + height :] = cv2.convertScaleAbs(picture[top + height :], alpha=0.55)


def _draw_back(stream: np.random.Generator, side_px: int) -> UInt8Array:
    tone = stream.integers(35, 190)
    colour = np.clip(tone + stream.integers(-12, 13, 3), 0, 255).astype(np.float32)
    falling = np.linspace(draw_in(stream, (0.75, 1.1)), draw_in(stream, (0.55, 1.0)), side_px, dtype=np.float32)
    column = np.clip(falling[:, None] * colour, 0, 255)
    return np.ascontiguousarray(np.broadcast_to(column[:, None], (side_px, side_px, 3)).astype(np.uint8))


def _fill_row(
    stream: np.random.Generator, picture: UInt8Array, foot_px: int, height_px: float, others: Sequence[CutOut]
) -> None:
    """Stand products side by side on a row, each kind a few times."""
    x = round(draw_around(stream, 0.3) * height_px) - round(0.2 * height_px)
    while x < picture.shape[1]:
        height = max(12, round(height_px * draw_in(stream, (0.6, 1.0))))
        thing = _take_thing(stream, others, height)
        for _ in range(int(stream.integers(1, 4))):
            if x >= picture.shape[1]:
                break
            placed = Placed(thing, x, foot_px - thing.shape[0])
            darken(picture, soften(opacity_of(placed, picture.shape[0]), 5, 110))
            lay_on(picture, placed)
            x += thing.shape[1] + int(stream.integers(0, 5))
        x += int(stream.integers(0, max(2, height // 6)))


def _take_thing(stream: np.random.Generator, others: Sequence[CutOut], height: int) -> UInt8Array:
    """Return a product of a height, (height, w, 4) uint8 premultiplied: one of the others, or a drawn box."""
    number = int(stream.integers(1 << 30))
    if others:
        rgba = others[number % len(others)].rgba
        width = max(6, round(rgba.shape[1] * height / rgba.shape[0]))
        how = cv2.INTER_AREA if height < rgba.shape[0] else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(rgba, (width, height), interpolation=how), dtype=np.uint8)
    return _draw_box(stream, height)


def _draw_box(stream: np.random.Generator, height: int) -> UInt8Array:
    """Draw a pack that nobody sells: a body, a band, a name of strokes, a light side."""
    width = max(8, round(height * draw_in(stream, (0.35, 0.95))))
    body, band = (_draw_colour(stream) for _ in range(2))
    box = np.full((height, width, 3), body, dtype=np.uint8)
    y0, y1 = sorted(round(height * draw_in(stream, (0.1, 0.8))) for _ in range(2))
    box[y0 : y1 + 3] = band
    for _ in range(int(stream.integers(2, 6))):
        y, x = round(height * draw_in(stream, (0.08, 0.9))), round(width * draw_in(stream, (0.08, 0.4)))
        ink = tuple(int(v) for v in stream.choice([[250, 250, 245], [25, 25, 30], band.tolist()]))
        cv2.line(box, (x, y), (round(width * draw_in(stream, (0.5, 0.92))), y), ink, max(1, height // 28), cv2.LINE_AA)
    if happens(stream, 0.5):
        middle = round(width * draw_in(stream, (0.3, 0.7))), round(height * draw_in(stream, (0.3, 0.7)))
        ink = tuple(int(v) for v in stream.integers(60, 255, 3))
        cv2.circle(box, middle, max(2, round(width * draw_in(stream, (0.12, 0.3)))), ink, cv2.FILLED, cv2.LINE_AA)
    across = 1 - 0.35 * np.abs(np.linspace(-1, 1, width, dtype=np.float32) - np.float32(draw_around(stream, 0.5)))
    lit = np.clip(box * across[None, :, None], 0, 255).astype(np.uint8)
    return np.dstack([lit, np.full((height, width), 255, dtype=np.uint8)])


def _draw_colour(stream: np.random.Generator) -> UInt8Array:
    """Draw a colour that packs have, (3,) uint8 RGB."""
    hsv = np.array([[[stream.integers(0, 180), stream.integers(60, 230), stream.integers(90, 245)]]], dtype=np.uint8)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0], dtype=np.uint8)


def _draw_board(
    stream: np.random.Generator,
    picture: UInt8Array,
    top: int,
    board_px: int,
    rail_px: int,
    board: Colour,
    rail: Colour,
) -> None:
    """Draw the board that a row stands on, with its rail, and the dark below it."""
    cv2.rectangle(picture, (0, top), (picture.shape[1], top + board_px), board, cv2.FILLED)
    _draw_strip(stream, picture, top + board_px, rail_px, rail)


def _draw_strip(stream: np.random.Generator, picture: UInt8Array, top: int, height: int, colour: Colour) -> None:
    width = picture.shape[1]
    cv2.rectangle(picture, (0, top), (width, top + height), colour, cv2.FILLED)
    cv2.line(picture, (0, top), (width, top), tuple(min(255, c + 18) for c in colour), 1)
    cv2.line(picture, (0, top + height), (width, top + height), tuple(c // 2 for c in colour), 1)
    x = int(stream.integers(0, max(1, width // 3)))
    while x < width:
        label_w = int(height * draw_in(stream, (1.3, 2.1)))
        if happens(stream, 0.75):
            _draw_label(stream, picture, x, top + max(1, height // 8), label_w, height - max(2, height // 4))
        x += label_w + int(stream.integers(4, max(6, width // 4)))


def _draw_label(stream: np.random.Generator, picture: UInt8Array, x: int, y: int, width: int, height: int) -> None:
    """Draw a price label: a line of small print and a price."""
    paper = _LABEL_COLOURS[int(stream.integers(len(_LABEL_COLOURS)))]
    cv2.rectangle(picture, (x, y), (x + width, y + height), paper, cv2.FILLED)
    for row in range(2):
        line_y = y + 2 + row * max(2, height // 7)
        cv2.line(picture, (x + 2, line_y), (x + round(width * draw_in(stream, (0.4, 0.8))), line_y), (90, 90, 90), 1)
    price = f"{stream.integers(0, 99)},{stream.integers(0, 10)}9"
    at = x + round(0.25 * width), y + height - max(2, height // 8)
    scale = max(0.2, height / 42)
    cv2.putText(picture, price, at, cv2.FONT_HERSHEY_DUPLEX, scale, (25, 25, 30), 1, cv2.LINE_AA)


def _fade(height: int, width: int) -> UInt8Array:
    """Return the shade below a board, (height, width) uint8, dark above."""
    column = np.linspace(120, 0, max(1, height), dtype=np.float32)
    return np.ascontiguousarray(np.broadcast_to(column[:, None], (max(1, height), width)).astype(np.uint8))
