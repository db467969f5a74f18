"""What every segmenter offers, from the small offline one to SAM on a GPU."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]

Tick = Callable[[float, str], None]
"""Called often with the fraction done and what is being done; raises to stop the work."""


@dataclass(frozen=True)
class Prompts:
    """What to look for; segmenters that cannot use a part of it leave it aside.

    Args:
        texts: from specific to general; the next one is tried when one finds nothing.
        positive_xyt, negative_xyt: clicks as (x, y) in [0, 1] of the picture and a time in seconds.
    """

    texts: tuple[str, ...] = ()
    positive_xyt: tuple[tuple[float, float, float], ...] = ()
    negative_xyt: tuple[tuple[float, float, float], ...] = ()


@dataclass(frozen=True)
class TrackedMask:
    """Where the product is in one small picture of the clip.

    Args:
        alpha: (h, w) float32 in [0, 1], the size of the picture.
        confidence: [0, 1]; 0 where the product is not in the picture.
    """

    alpha: FloatArray
    confidence: float


@dataclass(frozen=True)
class ProductView:
    """The product's surroundings in one frame, squeezed into a 320×320 square.

    Args:
        rgb: (320, 320, 3) uint8 RGB.
        prior: (320, 320) float32 in [0, 1], the tracked mask in the same square.
        position: position among the clip's samples; views are given in ascending order.
    """

    rgb: UInt8Array
    prior: FloatArray
    position: int


@dataclass(frozen=True)
class FineMask:
    """The product in one view.

    Args:
        alpha: (320, 320) float32 in [0, 1].
        hand: (320, 320) float32 in [0, 1], what was taken for a hand beside or before the product.
        confidence: [0, 1], how well network, track and neighbours agree.
        is_person: somebody's face sits on top of it; only some views are looked at for that.
    """

    alpha: FloatArray
    hand: FloatArray
    confidence: float
    is_person: bool = False


class Segmenter(Protocol):
    """Loaded once, used for many clips, one clip at a time."""

    @property
    def name(self) -> str:
        """Name and version, kept with every frame."""
        ...

    def track(
        self, thumbs_rgb: Sequence[UInt8Array], changes: Sequence[float], prompts: Prompts, n_calls: int, tick: Tick
    ) -> list[TrackedMask]:
        """Find the product and follow it through the clip.

        Args:
            thumbs_rgb: (h, w, 3) uint8 RGB, all of one size, in the order of time.
            changes: how much each picture differs from the next one, grey levels.
            prompts: what to look for.
            n_calls: about how often the network may run.
            tick: progress; may raise to stop.
        Returns: one mask a picture; all with confidence 0 when there is no product.
        """
        ...

    def refine(self, views: Sequence[ProductView], n_calls: int, tick: Tick) -> list[FineMask]:
        """Cut the product out of close views of it.

        Args:
            views: in the order of time.
            n_calls: about how often the network may run; the other views get their mask from their neighbours.
            tick: progress; may raise to stop.
        Returns: one mask a view.
        """
        ...
