"""What kind of container a product is in, from its outline over the views."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

import numpy as np
import numpy.typing as npt

_MIN_VIEWS = 5
_NECK = 0.74
_EVEN = 1.16
_EDGE_ON = 0.7
_SPINDLE = 0.7
_UNCUT = 0.97


@dataclass(frozen=True)
class Outline:
    """Widths of an upright outline in units of its height: near the top, below it, of its body, and near the foot."""

    top: float
    shoulder: float
    body: float
    foot: float


def measure_outline(matte: npt.NDArray[np.uint8]) -> Outline | None:
    """Measure a matte.

    Args:
        matte: (H, W) uint8, the product is above 127.
    Returns: widths in units of the outline's height; None when the matte is nearly empty,
        fills its picture (nothing was cut out), or is wider than twice its height.
    """
    mask = matte > 127
    rows = np.flatnonzero(mask.any(axis=1))
    if len(rows) < 20 or mask.mean() > _UNCUT:
        return None
    body = mask[rows[0] : rows[-1] + 1]
    tall = body.shape[0]
    # From the leftmost to the rightmost pixel of each row, so that a finger in front takes no width away.
    right_end = body.shape[1] - body[:, ::-1].argmax(axis=1)
    widths = np.where(body.any(axis=1), right_end - body.argmax(axis=1), 0) / tall
    if widths.max() > 2.0:
        return None

    def at(low: float, high: float) -> float:
        return float(np.median(widths[int(low * tall) : max(int(high * tall), int(low * tall) + 1)]))

    return Outline(
        top=at(0.04, 0.1), shoulder=at(0.12, 0.18), body=float(np.percentile(widths, 80)), foot=at(0.9, 0.96)
    )


def guess_container(mattes: Sequence[npt.NDArray[np.uint8]], *, is_turned: bool) -> str | None:
    """Guess box, can, bottle or pouch from how the outline changes as the product is turned.

    A bottle has a neck in every view; a can is as wide from every side; a pouch is a spindle from its edge, a box is
    not. Where the views do not show what tells them apart, there is no guess.

    Args:
        mattes: one (H, W) uint8 matte per view.
        is_turned: whether the views show different sides; without that an even width says nothing.
    Returns: the container or None.
    """
    outlines = [outline for outline in map(measure_outline, mattes) if outline is not None]
    if len(outlines) < _MIN_VIEWS:
        return None
    widest = sorted(outlines, key=lambda outline: -outline.body)[: len(outlines) // 2 + 1]
    if (
        all(_median_share(group, "top") < _NECK for group in (outlines, widest))
        and _median_share(outlines, "foot") > 0.6
    ):
        return "bottle"
    bodies = sorted(outline.body for outline in outlines)
    low, high = bodies[len(bodies) // 10], bodies[-1 - len(bodies) // 10]
    if high / max(low, 1e-6) < _EVEN:
        has_flat_ends = _median_share(outlines, "shoulder") > 0.84 and _median_share(outlines, "foot") > 0.6
        return "can" if is_turned and has_flat_ends else None
    if bodies[0] / high > _EDGE_ON:
        return None
    narrow = sorted(outlines, key=lambda outline: outline.body)[:2]
    # Both ends of a pouch are sealed; one narrow end alone may be a hand.
    taper = min(max(outline.top, outline.foot) / max(outline.body, 1e-6) for outline in narrow)
    return "pouch" if taper < _SPINDLE else "box"


def _median_share(outlines: Sequence[Outline], end: Literal["top", "shoulder", "foot"]) -> float:
    return median(float(getattr(outline, end)) / max(outline.body, 1e-6) for outline in outlines)
