"""Telling hands and faces from the product they hold, by skin colour."""

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.ml.segmentation.masks import dilate, erode, find_components

UInt8Array = npt.NDArray[np.uint8]
BoolArray = npt.NDArray[np.bool_]

_SKIN_PRODUCT_FRACTION = 0.6


def skin_mask(rgb: UInt8Array) -> BoolArray:
    """Mark pixels whose colour skin can have, of any tone.

    Args:
        rgb: (H, W, 3) uint8 RGB.
    Returns: (H, W) bool. Source: fixed ranges in YCrCb and HSV, after Kolkur et al., arXiv:1708.02694.
    """
    ycrcb = cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)
    hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)
    luma, cr, cb = (ycrcb[..., i].astype(np.int16) for i in range(3))
    hue, saturation = hsv[..., 0].astype(np.int16), hsv[..., 1].astype(np.int16)
    is_warm = (cr >= 135) & (cr <= 178) & (cb >= 85) & (cb <= 130) & (cr - cb >= 8)
    is_skin_hue = ((hue <= 20) | (hue >= 172)) & (saturation >= 35) & (saturation <= 175)
    return np.asarray(is_warm & is_skin_hue & (luma >= 50), dtype=bool)


def find_hands(rgb: UInt8Array, foreground: BoolArray) -> BoolArray:
    """Mark the parts of a foreground that are probably a hand or an arm.

    An arm comes from outside the picture, a product that is whole does not: a patch of skin colour counts when it is
    large enough and reaches the border. A foreground that is mostly of that colour is a product of that colour.

    Args:
        rgb: (H, W, 3) uint8 RGB.
        foreground: (H, W) bool, everything that stands out, arms too.
    Returns: (H, W) bool, a subset of the foreground.
    """
    area = int(foreground.sum())
    hands = np.zeros_like(foreground)
    if area == 0:
        return hands
    radius = max(1, round(0.012 * np.sqrt(area)))
    skin = dilate(erode(skin_mask(rgb) & foreground, radius), radius) & foreground
    if skin.sum() > _SKIN_PRODUCT_FRACTION * area:
        return hands
    border = np.ones_like(foreground)
    border[3:-3, 3:-3] = False
    for component in find_components(skin, max(8, round(0.01 * area))):
        if int((component.mask & border).sum()) >= 6:
            hands = hands | component.mask
    return dilate(hands, radius) & foreground
