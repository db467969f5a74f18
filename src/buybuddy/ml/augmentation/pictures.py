"""Pictures of a cut-out: the recipe's steps, one after another, into one square picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.ml.augmentation import holding, lighting
from buybuddy.ml.augmentation.compositing import lay_on, tint
from buybuddy.ml.augmentation.cut_outs import CutOut
from buybuddy.ml.augmentation.drawing import draw_around, draw_in, happens
from buybuddy.ml.augmentation.shadows import cast_shadows
from buybuddy.ml.augmentation.shelves import Backdrop, draw_rail
from buybuddy.ml.augmentation.warping import Placed, apply_blur, draw_blur, draw_distortion, draw_homography, warp_into
from buybuddy.recipes import CutOutStep

UInt8Array = npt.NDArray[np.uint8]

_FREE_PX = 2  # between a product and the border


@dataclass(frozen=True)
class Surroundings:
    """What pictures are made with; the same for every picture of a run, whoever makes it.

    Args:
        pictures: of the library.
        shelves: drawn ones.
        others: products that may stand beside one.
    """

    pictures: Sequence[Backdrop] = ()
    shelves: Sequence[Backdrop] = ()
    others: Sequence[CutOut] = ()


def make_picture(
    stream: np.random.Generator, product: CutOut, step: CutOutStep, surroundings: Surroundings, side_px: int
) -> UInt8Array:
    """Make one picture of a product.

    Returns: (side, side, 3) uint8 RGB.
    """
    backdrop, foot = _draw_backdrop(stream, step, surroundings, side_px)
    scene = step.scene
    placed = _place(stream, product, step, side_px, foot)
    if scene.light_match:
        gains = lighting.match_light(_around(backdrop, placed), scene.light_match)
        placed = placed._replace(rgba=tint(placed.rgba, gains))
    hand = holding.draw_hand(stream, placed) if happens(stream, scene.hand_probability) else None
    if happens(stream, scene.neighbour_probability):
        _lay_neighbours(stream, backdrop, placed, step, surroundings.others)
    if hand is None:
        cast_shadows(stream, backdrop, placed, step.shadow)
    else:
        holding.lay_behind(backdrop, hand)
    lay_on(backdrop, placed)
    if happens(stream, scene.glare_probability):
        lighting.lay_glare(stream, backdrop, placed)
    if hand is not None:
        holding.lay_before(backdrop, hand, placed)
    elif happens(stream, scene.price_rail_probability):
        hidden_px = round(draw_in(stream, (0.0, 0.07)) * placed.rgba.shape[0])
        draw_rail(stream, backdrop, min(side_px - 4, placed.foot - hidden_px))
    if happens(stream, scene.camera_probability):
        backdrop = lighting.see_through(backdrop, lighting.draw_camera(stream, side_px))
    if scene.noise:
        backdrop = lighting.add_noise(stream, backdrop, draw_in(stream, (0.15 * scene.noise, scene.noise)))
    return backdrop


def _draw_backdrop(
    stream: np.random.Generator, step: CutOutStep, surroundings: Surroundings, side_px: int
) -> tuple[UInt8Array, float | None]:
    """Return a picture of the background that may be written to, and the row that things stand on, if it is known."""
    background = step.background
    kind, which = stream.random(), int(stream.integers(1 << 30))
    colour = stream.integers(background.colour[0], background.colour[1] + 1, 3)
    if kind < background.picture_share + background.shelf_share:
        wanted = surroundings.pictures if kind < background.picture_share else surroundings.shelves
        choice = wanted or surroundings.pictures or surroundings.shelves
        if choice:
            return _crop(stream, choice[which % len(choice)], side_px)
    return np.full((side_px, side_px, 3), colour, dtype=np.uint8), None


def _crop(stream: np.random.Generator, backdrop: Backdrop, side_px: int) -> tuple[UInt8Array, float | None]:
    """Take a square out of a background; of a shelf, whose labels can be read, as good as all and never mirrored."""
    height, width = backdrop.rgb.shape[:2]
    least = min(height, width)
    side = round(least * (draw_in(stream, (0.5, 1.0)) if backdrop.foot is None else draw_in(stream, (0.85, 1.0))))
    side = min(least, max(side, min(side_px, least)))
    left, top = int(stream.integers(width - side + 1)), int(stream.integers(height - side + 1))
    foot = None
    if backdrop.foot is not None:
        foot = (backdrop.foot * height - top) / side
    is_mirrored = happens(stream, 0.5) and backdrop.foot is None
    part = backdrop.rgb[top : top + side, left : left + side]
    how = cv2.INTER_AREA if side > 1.5 * side_px else cv2.INTER_LINEAR
    square = cv2.resize(part, (side_px, side_px), interpolation=how) if side != side_px else part.copy()
    return np.ascontiguousarray(cv2.flip(square, 1) if is_mirrored else square), foot


def _place(stream: np.random.Generator, product: CutOut, step: CutOutStep, side_px: int, foot: float | None) -> Placed:
    """Warp and blur the product and find its place; it stands on the foot of the background, where there is one."""
    size_wh = product.rgba.shape[1], product.rgba.shape[0]
    distortion = draw_distortion(stream, step.warp)
    homography = draw_homography(stream, step.warp, size_wh)
    longest = draw_in(stream, step.size) * side_px
    blur = draw_blur(stream, step.blur)
    place = stream.random(), stream.random()
    reach = 0 if blur is None else (blur if isinstance(blur, int) else len(blur)) // 2
    free = _FREE_PX + reach
    low, high = (-0.3 * longest, side_px + 0.3 * longest) if step.is_cut_allowed else (free, side_px - free)
    bottom = high
    if foot is not None and step.scene.hand_probability == 0:
        bottom = min(high, max(0.35 * side_px, foot * side_px))
        place = place[0], 1.0
    placed = warp_into(product.rgba, homography, distortion, longest, (low, low, high, bottom), place)
    return apply_blur(placed, blur)


def _around(picture: UInt8Array, placed: Placed) -> UInt8Array:
    """Return the part of a picture where a product will be, and as much around it."""
    height, width = placed.rgba.shape[:2]
    y0, y1 = max(0, placed.top - height // 4), min(picture.shape[0], placed.top + height + height // 4)
    x0, x1 = max(0, placed.left - width // 4), min(picture.shape[1], placed.left + width + width // 4)
    return picture[y0:y1, x0:x1] if y0 < y1 and x0 < x1 else picture


def _lay_neighbours(
    stream: np.random.Generator, picture: UInt8Array, placed: Placed, step: CutOutStep, others: Sequence[CutOut]
) -> None:
    """Stand one other product on either side, in place; the product, laid on next, hides where they meet."""
    for is_left in (True, False):
        is_there, which = happens(stream, 0.75), int(stream.integers(1 << 30))
        height = placed.rgba.shape[0] * draw_in(stream, (0.75, 1.1))
        gap, turn = draw_around(stream, 0.06), draw_around(stream, min(3.0, step.warp.rotate_deg))
        if not is_there or not others:
            continue
        other = others[which % len(others)].rgba
        width = height * other.shape[1] / other.shape[0]
        edge = placed.left if is_left else placed.left + placed.rgba.shape[1]
        left = edge - width - gap * width if is_left else edge + gap * width
        room = (left, placed.foot - height, left + width, float(placed.foot))
        angle = np.radians(turn)
        turned = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
        beside = warp_into(other, turned, None, max(width, height), room, (0.5, 1.0))
        if step.scene.light_match:
            gains = lighting.match_light(_around(picture, beside), step.scene.light_match)
            beside = beside._replace(rgba=tint(beside.rgba, gains))
        cast_shadows(stream, picture, beside, step.shadow)
        lay_on(picture, beside)
