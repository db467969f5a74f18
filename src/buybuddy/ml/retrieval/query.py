"""What of an unknown photo is shown to the encoder: the product cut out, its surroundings, the whole."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.ml.retrieval.preparation import expand_box, prepare_image, resize_square
from buybuddy.ml.segmentation.masks import find_components
from buybuddy.ml.segmentation.u2netp import U2NetP

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
IntBoxXyxy = tuple[int, int, int, int]

_MIN_MASK_FRACTION = 0.01


@dataclass(frozen=True)
class QueryViews:
    """What one photo is searched with.

    Args:
        prepared: (224, 224, 3) uint8 RGB each, ready for the encoder.
        product_box_xyxy: the thing that stands out, in pixels of the photo; None when nothing does.
    """

    prepared: tuple[UInt8Array, ...]
    product_box_xyxy: IntBoxXyxy | None


def build_query_views(rgb: UInt8Array, segmenter: U2NetP) -> QueryViews:
    """Find what stands out in a photo and prepare the views that it is searched with.

    Args:
        rgb: (H, W, 3) uint8 RGB, upright.
        segmenter: the saliency network.
    """
    matte = find_matte(rgb, segmenter)
    if matte is None:
        return QueryViews((prepare_image(rgb), resize_square(rgb)), None)
    box = _box_of(matte)
    x0, y0, x1, y1 = expand_box(box, (rgb.shape[0], rgb.shape[1]))
    return QueryViews((prepare_image(rgb, matte), resize_square(rgb[y0:y1, x0:x1]), resize_square(rgb)), box)


def find_matte(rgb: UInt8Array, segmenter: U2NetP) -> UInt8Array | None:
    """Return a (H, W) uint8 matte of the largest thing that stands out, or None when nothing does."""
    height, width = rgb.shape[:2]
    saliency = segmenter.saliency(rgb)
    components = find_components(saliency > 0.5, round(_MIN_MASK_FRACTION * saliency.size))
    if not components:
        return None
    largest = cv2.dilate(components[0].mask.astype(np.uint8), np.ones((5, 5), np.uint8))
    alpha = cv2.resize(saliency * largest, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.rint(np.clip(alpha, 0, 1) * 255), dtype=np.uint8)


def _box_of(matte: UInt8Array) -> IntBoxXyxy:
    rows, columns = np.flatnonzero((matte > 127).any(axis=1)), np.flatnonzero((matte > 127).any(axis=0))
    if rows.size == 0:
        return 0, 0, matte.shape[1], matte.shape[0]
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
