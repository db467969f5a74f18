"""Which few views are worth the slow reading: sharp, large, and different from each other."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.ml.metadata.reading import LabelView

_THUMB_PX = 12
_UNLIKE = 1.5


def _describe(view: LabelView) -> npt.NDArray[np.float32]:
    """Shrink the product's box to a small Lab picture, (576,) float32: what side of the pack is seen."""
    rows, columns = np.nonzero(view.matte > 127)
    if len(rows) == 0:
        return np.zeros(_THUMB_PX * _THUMB_PX * 4, np.float32)
    crop = view.image_rgb[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    small = cv2.resize(crop, (_THUMB_PX, _THUMB_PX), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(np.asarray(small, np.float32) / 255, cv2.COLOR_RGB2LAB)
    light = lab[..., 0]
    # Sides of one colour differ only in their print, so the pattern counts by itself beside the colours.
    pattern = (light - light.mean()) / max(float(light.std()), 1.0)
    return np.concatenate([lab.reshape(-1) / 100, 0.35 * pattern.reshape(-1)]).astype(np.float32)


def is_turned(views: Sequence[LabelView]) -> bool:
    """Tell whether the views show different sides: half of all pairs of views look unlike each other."""
    if len(views) < 2:
        return False
    looks = np.stack([_describe(view) for view in views])
    apart = np.linalg.norm(looks[:, None] - looks[None], axis=2)
    return bool(np.median(apart[np.triu_indices(len(views), 1)]) > _UNLIKE)


def choose_views(
    views: Sequence[LabelView], n: int, worth: npt.NDArray[np.float64], first: Sequence[int] = ()
) -> list[int]:
    """Choose up to `n` views: those in `first`, then the farthest from all chosen, weighed by their worth.

    Args:
        views: all views.
        n: how many at most.
        worth: (len(views),) how useful each is; a view of worth 0 is not chosen.
        first: indices that are wanted in any case, such as one where a barcode was decoded.
    Returns: indices into `views`, in the order of choice.
    """
    if not views or n < 1:
        return []
    looks = np.stack([_describe(view) for view in views])
    chosen = list(dict.fromkeys(first))[:n] or [int(worth.argmax())]
    while len(chosen) < min(n, len(views)):
        apart = np.min([np.linalg.norm(looks - looks[k], axis=1) for k in chosen], axis=0)
        gain = apart**2 * np.sqrt(worth)
        gain[chosen] = 0.0
        if gain.max() <= 0:
            break
        chosen.append(int(gain.argmax()))
    return chosen
