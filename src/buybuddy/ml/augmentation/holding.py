"""A drawn hand that holds a product: a palm behind it, fingers around one side, a thumb on its front.

Store photos mostly show one, and what it hides is what an encoder must do without. It is drawn, not photographed: its
size, place, colour and shading are what matters, not its lines.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.ml.augmentation.compositing import darken, lay_on, opacity_of, soften
from buybuddy.ml.augmentation.drawing import draw_around, draw_in, happens
from buybuddy.ml.augmentation.warping import Placed

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
Point = tuple[float, float]

# Skin under shop light, from light to dark.
_SKINS = ((236, 198, 176), (222, 176, 148), (202, 152, 122), (172, 122, 92), (132, 90, 66), (94, 62, 46))
_NAIL_LIGHT = 1.08
_SHADOW_PX = 14


class Finger(NamedTuple):
    """A capsule from its root to its tip, in pixels of the picture."""

    root: Point
    tip: Point
    width: float

    def moved(self, dx: float, dy: float) -> "Finger":
        return Finger((self.root[0] + dx, self.root[1] + dy), (self.tip[0] + dx, self.tip[1] + dy), self.width)


class Hand(NamedTuple):
    """Where the parts of a hand are; `arm` is an outline."""

    fingers: tuple[Finger, ...]
    thumb: Finger
    arm: tuple[Point, ...]
    skin: tuple[float, float, float]


def draw_hand(stream: np.random.Generator, placed: Placed) -> Hand:
    """Draw where a hand takes hold of a product: from the left or right, or from below."""
    height, width = placed.rgba.shape[:2]
    skin = _SKINS[int(stream.integers(len(_SKINS)))]
    tone = 1 + draw_around(stream, 0.1)
    colour = (skin[0] * tone, skin[1] * tone, skin[2] * tone)
    is_left = happens(stream, 0.5)
    thick = draw_in(stream, (0.085, 0.13)) * max(height, width)
    # Below the middle, so that a picture still shows most of the front.
    middle_y = placed.top + height * draw_in(stream, (0.55, 0.85))
    side = -1.0 if is_left else 1.0
    edge_x = placed.left + (0.04 if is_left else 0.96) * width
    lean = draw_around(stream, 0.25)
    fingers: list[Finger] = []
    for i in range(4):
        y = middle_y + (i - 1.5) * thick * 0.98
        reach = draw_in(stream, (0.09, 0.24)) * width
        root = edge_x + side * thick * 0.9, y - lean * thick
        fingers.append(Finger(root, (edge_x - side * reach, y + lean * thick), thick * (0.98 - 0.05 * abs(i - 1.2))))
    far_x = placed.left + (0.96 if is_left else 0.04) * width
    thumb_y = middle_y + draw_around(stream, 0.8) * thick
    thumb_in = draw_in(stream, (0.12, 0.28)) * width
    thumb = Finger(
        (far_x - side * thick * 1.2, thumb_y + thick * 1.3),
        (far_x + side * thumb_in, thumb_y - thick * 0.4),
        thick * 1.18,
    )
    arm = _draw_arm(stream, placed, middle_y, thick)
    return Hand(tuple(fingers), thumb, arm, colour)


def lay_behind(picture: UInt8Array, hand: Hand) -> None:
    """Lay palm and arm on a picture, in place, before the product."""
    ends = [point for finger in (*hand.fingers, hand.thumb) for point in (finger.root, finger.tip)]
    box = _box_around([*hand.arm, *ends], hand.thumb.width, picture)
    if box is None:
        return
    mask = np.zeros((box.height, box.width), dtype=np.uint8)
    outline = np.array(hand.arm, dtype=np.float32).round().astype(np.int32) - (box.left, box.top)
    cv2.fillPoly(mask, [outline], 255, cv2.LINE_AA)
    for finger in (*hand.fingers, hand.thumb):
        _draw_capsule(mask, finger.moved(-box.left, -box.top))
    darken(box.of(picture), soften(mask, 8, 110, (3, 5)))
    lay_on(picture, Placed(_shade(mask, hand.skin, 18, 0.82), box.left, box.top))


def lay_before(picture: UInt8Array, hand: Hand, placed: Placed) -> None:
    """Lay fingers and thumb on a picture, in place, after the product."""
    product = opacity_of(placed, picture.shape[0])
    for finger in (*hand.fingers, hand.thumb):
        box = _box_around([finger.root, finger.tip], finger.width, picture)
        if box is None:
            continue
        mask = np.zeros((box.height, box.width), dtype=np.uint8)
        here = finger.moved(-box.left, -box.top)
        _draw_capsule(mask, here)
        contact = cv2.bitwise_and(soften(mask, 0.16 * finger.width, 130, (1, 2)), box.of(product))
        darken(box.of(picture), np.asarray(contact, dtype=np.uint8))
        skin = _shade(mask, hand.skin, finger.width / 2, 1.0)
        _draw_nail(skin, here, hand.skin)
        lay_on(picture, Placed(skin, box.left, box.top))


class _Box(NamedTuple):
    """A part of a picture, in pixels."""

    left: int
    top: int
    width: int
    height: int

    def of(self, picture: UInt8Array) -> UInt8Array:
        """Return that part, which can be written to."""
        return picture[self.top : self.top + self.height, self.left : self.left + self.width]


def _box_around(points: Sequence[Point], width: float, picture: UInt8Array) -> _Box | None:
    """Return the part of a picture around points, with what a line of a width and its shadow reach; None outside."""
    reach = 0.5 * width + _SHADOW_PX
    low, high = np.min(points, axis=0) - reach, np.max(points, axis=0) + reach
    left, top = (max(0, int(value)) for value in low)
    right, bottom = (min(side, int(value) + 1) for value, side in zip(high, picture.shape[1::-1], strict=True))
    return _Box(left, top, right - left, bottom - top) if right - left > 1 and bottom - top > 1 else None


def _draw_arm(stream: np.random.Generator, placed: Placed, middle_y: float, thick: float) -> tuple[Point, ...]:
    """Return the outline of palm and forearm: behind the product, and down to beyond the picture's border."""
    height, width = placed.rgba.shape[:2]
    left, right = placed.left + 0.02 * width, placed.left + 0.98 * width
    end_y = middle_y + 3 * max(height, width)
    drift = draw_around(stream, 0.7) * width
    wrist = draw_in(stream, (0.42, 0.6)) * max(3.4 * thick, 0.7 * width)
    centre = (left + right) / 2 + drift * 0.15
    return (
        (left, middle_y - 1.8 * thick), (right, middle_y - 1.5 * thick), (right, middle_y + 1.8 * thick),
        (centre + wrist, middle_y + 3.4 * thick), (centre + wrist + drift, end_y),
        (centre - wrist + drift, end_y), (centre - wrist, middle_y + 3.4 * thick), (left, middle_y + 1.8 * thick),
    )  # fmt: skip


def _draw_capsule(mask: UInt8Array, finger: Finger) -> None:
    ends = [(round(x), round(y)) for x, y in (finger.root, finger.tip)]
    cv2.line(mask, ends[0], ends[1], 255, max(2, round(finger.width)), cv2.LINE_AA)


def _shade(mask: UInt8Array, skin: tuple[float, float, float], depth_px: float, light: float) -> UInt8Array:
    """Colour a mask as something round: lighter in the middle, darker and redder at its edges."""
    inside = cv2.distanceTransform((mask > 127).astype(np.uint8), cv2.DIST_L2, 3)
    round_ = np.sqrt(np.clip(inside / max(depth_px, 1.0), 0, 1)).astype(np.float32)
    soft = cv2.GaussianBlur(round_, (0, 0), 1.2)
    tone = light * (0.74 + 0.29 * soft)
    colours = np.stack([tone * skin[0], tone * skin[1] * (0.9 + 0.1 * soft), tone * skin[2] * (0.86 + 0.14 * soft)], -1)
    edge = cv2.GaussianBlur(mask, (0, 0), 0.8)
    rgb = cv2.multiply(np.clip(colours, 0, 255).astype(np.uint8), cv2.merge([edge] * 3), scale=1 / 255)
    return np.dstack([rgb, edge])


def _draw_nail(skin: UInt8Array, finger: Finger, colour: tuple[float, float, float]) -> None:
    """Draw the nail of a finger whose tip points at the viewer's side, in place."""
    (x0, y0), (x1, y1) = finger.root, finger.tip
    length = max(1.0, float(np.hypot(x1 - x0, y1 - y0)))
    along = (x1 - x0) / length, (y1 - y0) / length
    centre = round(x1 + along[0] * 0.16 * finger.width), round(y1 + along[1] * 0.16 * finger.width)
    axes = max(1, round(0.24 * finger.width)), max(1, round(0.2 * finger.width))
    nail = np.zeros(skin.shape[:2], dtype=np.uint8)
    cv2.ellipse(
        nail, centre, axes, float(np.degrees(np.arctan2(along[1], along[0]))), 0, 360, 255, cv2.FILLED, cv2.LINE_AA
    )
    weight = (cv2.GaussianBlur(nail, (0, 0), 0.8).astype(np.float32) / np.float32(255) * np.float32(0.55))[..., None]
    pink = np.array([min(255.0, c * _NAIL_LIGHT + d) for c, d in zip(colour, (10, 8, 12), strict=True)], np.float32)
    opaque = (skin[..., 3] > 250)[..., None]
    skin[..., :3] = np.where(opaque, skin[..., :3] * (1 - weight) + pink * weight, skin[..., :3]).astype(np.uint8)
