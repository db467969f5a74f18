"""Cut-outs: a product without what was around it, ready to be laid on anything."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

UInt8Array = npt.NDArray[np.uint8]

_SURE = 250  # of 255: nothing of what was behind shines through
_EMPTY = 8
_FRINGE_PX = 3  # JPEG and lenses mix the background's colour in as far as that, whatever the matte says
_CROSS = np.asarray(cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)), dtype=np.uint8)
_LEAST_SIDE_PX = 8
_LEAST_SURE_FRACTION = 0.2


class NothingCutOut(ValueError):
    """There is no product in the matte, or next to nothing of it."""


@dataclass(frozen=True)
class CutOut:
    """A product in its box, with a border of one empty pixel.

    Args:
        rgba: (h, w, 4) uint8, colours multiplied by their opacity, as compositing wants them.
        mean_rgb: mean colour of what is opaque.
    """

    rgba: UInt8Array
    mean_rgb: tuple[float, float, float]


def cut_out(rgb: UInt8Array, matte: UInt8Array, longest_px: int) -> CutOut:
    """Take a product out of a picture.

    The colours of half-covered pixels are replaced by those of the nearest pixel that is the product's alone: what was
    behind it would be a halo on any other background.

    Args:
        rgb: (H, W, 3) uint8 RGB.
        matte: (H, W) uint8, 255 where the product is.
        longest_px: a larger product is shrunk to it.
    Raises: NothingCutOut.
    """
    rows, columns = np.flatnonzero((matte > _EMPTY).any(axis=1)), np.flatnonzero((matte > _EMPTY).any(axis=0))
    if rows.size < _LEAST_SIDE_PX or columns.size < _LEAST_SIDE_PX:
        raise NothingCutOut("There is no product in the matte.")
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    colours, opacity = rgb[part], np.where(matte[part] > _EMPTY, matte[part], np.uint8(0))
    if not (opacity > 127).any():
        raise NothingCutOut("There is no opaque product in the matte.")
    sure = _find_sure(opacity)
    opacity = np.asarray(cv2.erode(opacity, _CROSS), dtype=np.uint8)
    clean = _spread(np.ascontiguousarray(colours), sure)
    mean = clean[sure].mean(axis=0)
    merged = np.dstack([cv2.multiply(clean, cv2.merge([opacity] * 3), scale=1 / 255), opacity])
    scale = longest_px / max(merged.shape[:2])
    if scale < 1:
        size_wh = max(1, round(merged.shape[1] * scale)), max(1, round(merged.shape[0] * scale))
        merged = cv2.resize(merged, size_wh, interpolation=cv2.INTER_AREA)
    bordered = cv2.copyMakeBorder(merged, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(0, 0, 0, 0))
    return CutOut(np.asarray(bordered, dtype=np.uint8), (float(mean[0]), float(mean[1]), float(mean[2])))


def _find_sure(opacity: UInt8Array) -> npt.NDArray[np.bool_]:
    """Say which pixels have the product's colour alone: those well inside, or all there are of something thin."""
    inside = (opacity >= _SURE).astype(np.uint8)
    n_opaque = int((opacity > 127).sum())
    for depth in (_FRINGE_PX, 1, 0):
        sure = cv2.erode(inside, _CROSS, iterations=depth) > 0 if depth else inside > 0
        if sure.sum() >= _LEAST_SURE_FRACTION * n_opaque:
            return np.asarray(sure, dtype=np.bool_)
    return np.asarray(opacity > 127, dtype=np.bool_)


def _spread(rgb: UInt8Array, sure: npt.NDArray[np.bool_]) -> UInt8Array:
    """Give every pixel that is not sure the colour of the nearest one that is."""
    _, labels = cv2.distanceTransformWithLabels(
        (~sure).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    sure_labels = labels[sure]
    colours = np.zeros((int(labels.max()) + 1, 3), dtype=np.uint8)
    colours[sure_labels] = rgb[sure]
    return np.asarray(np.where(sure[..., None], rgb, colours[labels]), dtype=np.uint8)
