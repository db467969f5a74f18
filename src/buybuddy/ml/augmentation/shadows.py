"""Shadows of a product: soft around it, dark where it stands, long away from a light."""

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.ml.augmentation.compositing import darken, opacity_of, soften
from buybuddy.ml.augmentation.drawing import draw_around, draw_in, happens
from buybuddy.ml.augmentation.warping import Placed
from buybuddy.recipes import Shadow

UInt8Array = npt.NDArray[np.uint8]

_CONTACT_OPACITY, _CAST_OPACITY = (120.0, 200.0), (40.0, 110.0)
_FOOT_FRACTION = 0.06  # of the height: what counts as standing on the ground


def cast_shadows(stream: np.random.Generator, picture: UInt8Array, placed: Placed, shadow: Shadow) -> None:
    """Darken a (side, side, 3) uint8 picture where a cut-out, which is laid on it next, keeps light away."""
    side_px = picture.shape[0]
    mask = opacity_of(placed, side_px)
    has_drop, has_contact, has_cast = (
        happens(stream, probability)
        for probability in (shadow.drop_probability, shadow.contact_probability, shadow.cast_probability)
    )
    drop, contact, cast = (
        draw_in(stream, opacity) for opacity in (shadow.drop_opacity, _CONTACT_OPACITY, _CAST_OPACITY)
    )
    lean, length = draw_around(stream, 1.2), draw_in(stream, (0.15, 0.5))
    if has_cast:
        darken(picture, soften(_lay_down(mask, placed.foot, lean, length), 6, cast))
    if has_drop:
        offset = shadow.drop_offset_px
        darken(picture, soften(mask, shadow.drop_sigma_px, drop, (offset, offset)))
    if has_contact:
        darken(picture, soften(_foot_of(mask, placed), 3.5, contact, (0, 1)))


def _lay_down(mask: UInt8Array, foot: int, lean: float, length: float) -> UInt8Array:
    """Lay a silhouette on the ground behind its foot: squashed and sheared around that row."""
    move = np.array([[1, lean * length, -lean * length * foot], [0, length, foot * (1 - length)]], dtype=np.float64)
    return np.asarray(cv2.warpAffine(mask, move, mask.shape[::-1], flags=cv2.INTER_LINEAR), dtype=np.uint8)


def _foot_of(mask: UInt8Array, placed: Placed) -> UInt8Array:
    """Return a flat ellipse below the lowest part of a silhouette."""
    ground = np.zeros_like(mask)
    foot = min(placed.foot, mask.shape[0])
    height = max(2, round(_FOOT_FRACTION * placed.rgba.shape[0]))
    columns = np.flatnonzero((mask[max(0, foot - height) : foot] > 127).any(axis=0))
    if columns.size:
        middle = int(columns[0] + columns[-1]) // 2, foot - height // 4
        axes = max(1, int(columns[-1] - columns[0]) // 2), max(2, height // 2)
        cv2.ellipse(ground, middle, axes, 0, 0, 360, 255, cv2.FILLED)
    return ground
