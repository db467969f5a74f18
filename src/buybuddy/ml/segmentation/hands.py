"""Telling hands and faces from the product they hold, by skin colour."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.ml.segmentation.masks import BoxXyxy, dilate, erode, fill_holes, find_components
from buybuddy.ml.segmentation.people import Detection

UInt8Array = npt.NDArray[np.uint8]
BoolArray = npt.NDArray[np.bool_]

FloatArray = npt.NDArray[np.float32]

_SKIN_PRODUCT_FRACTION = 0.6
_MIN_BORDER_PX = 6
_MIN_RATIO = 2.5

# In what share of the pictures arms alone, or palms alone, have to be seen before a hand is believed in: a table of
# skin colour makes a few arms, an apple now and then a palm.
_ARM_SHARE = 0.45
_PALM_SHARE = 0.3
_N_BINS = 16 * 32 * 32


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


def find_arms(rgb: UInt8Array, foreground: BoolArray) -> BoolArray:
    """Mark the parts of a foreground that are surely a hand or an arm, without knowing anything else of the clip.

    An arm comes from outside the picture, a product that is whole does not: a patch of skin colour counts when it is
    large enough and reaches the border. A foreground that is mostly of that colour is a product of that colour.

    Args:
        rgb: (H, W, 3) uint8 RGB.
        foreground: (H, W) bool, everything that stands out, arms too.
    Returns: (H, W) bool, a subset of the foreground.
    """
    area = int(foreground.sum())
    arms = np.zeros_like(foreground)
    if area == 0:
        return arms
    radius = max(1, round(0.012 * np.sqrt(area)))
    skin = dilate(erode(skin_mask(rgb) & foreground, radius), radius) & foreground
    if skin.sum() > _SKIN_PRODUCT_FRACTION * area:
        return arms
    border = np.ones_like(foreground)
    border[3:-3, 3:-3] = False
    for component in find_components(skin, max(8, round(0.01 * area))):
        if int((component.mask & border).sum()) >= _MIN_BORDER_PX:
            arms = arms | component.mask
    return dilate(arms, radius) & foreground


class HandColours:
    """What the hand and what the product of one clip look like, learnt where it was clear which is which."""

    def __init__(self, hand: FloatArray, product: FloatArray) -> None:
        self._ratio = hand / (product + np.float32(1e-6))

    def find_hand(self, rgb: UInt8Array, foreground: BoolArray) -> BoolArray:
        """Mark the hand in a foreground, also where it does not reach the border.

        Args:
            rgb: (H, W, 3) uint8 RGB.
            foreground: (H, W) bool.
        Returns: (H, W) bool, a subset of the foreground; pieces that lie inside the product are not a hand.
        """
        area = int(foreground.sum())
        if area == 0:
            return np.zeros_like(foreground)
        likely = self._ratio[_bins(rgb)] > _MIN_RATIO
        share = cv2.blur((likely & foreground).astype(np.float32), (5, 5))
        radius = max(1, round(0.006 * np.sqrt(area)))
        smooth = dilate(erode((share > 0.5) & foreground, radius), radius)
        rim = foreground & ~erode(foreground, 3)
        hand = np.zeros_like(foreground)
        for piece in find_components(smooth, max(8, round(0.004 * area))):
            if int((piece.mask & rim).sum()) > 0.2 * np.sqrt(piece.area_px):
                hand |= piece.mask
        if not hand.any():
            return hand
        return fill_holes(dilate(hand, radius), 0.03) & foreground


def learn_hand_colours(
    pictures_rgb: Sequence[UInt8Array],
    foregrounds: Sequence[BoolArray],
    products: Sequence[BoolArray],
    palms: Sequence[Sequence[Detection] | None],
) -> HandColours | None:
    """Learn the colours of the hand and of the product from the pictures in which an arm is clear to see.

    Args:
        pictures_rgb: (H, W, 3) uint8 RGB each.
        foregrounds: (H, W) bool, everything that stands out.
        products: (H, W) bool, what was followed as the product; it may still hold some of the hand.
        palms: what a detector took for palms; None for a picture that it was not asked about.
    Returns: None when there is no hand, or too little of one to be sure.
    """
    hand = np.zeros(_N_BINS, dtype=np.float32)
    product = np.zeros(_N_BINS, dtype=np.float32)
    n_with_arm = n_with_palm = 0
    for rgb, foreground, mask, detections in zip(pictures_rgb, foregrounds, products, palms, strict=True):
        boxes = [palm.box_xyxy for palm in detections or ()]
        arm = find_arms(rgb, foreground) | _skin_in_boxes(rgb, boxes)
        n_with_palm += bool(boxes)
        bins = _bins(rgb)
        if arm.any():
            n_with_arm += 1
            hand += np.bincount(bins[erode(arm, 2)], minlength=_N_BINS)
        product += np.bincount(bins[mask & ~dilate(arm, 4)], minlength=_N_BINS)
    n_asked = sum(detections is not None for detections in palms)
    evidence = n_with_arm / len(pictures_rgb) / _ARM_SHARE + n_with_palm / max(n_asked, 1) / _PALM_SHARE
    if evidence < 1 or not hand.any() or not product.any():
        return None
    return HandColours(_smooth(hand), _smooth(product))


def _skin_in_boxes(rgb: UInt8Array, boxes: Sequence[BoxXyxy]) -> BoolArray:
    inside = np.zeros(rgb.shape[:2], dtype=bool)
    for x0, y0, x1, y1 in boxes:
        inside[max(0, round(y0)) : max(0, round(y1)), max(0, round(x0)) : max(0, round(x1))] = True
    return inside & skin_mask(rgb) if boxes else inside


def _bins(rgb: UInt8Array) -> npt.NDArray[np.intp]:
    """Number each pixel's colour: 16 steps of lightness, 32 of either chroma."""
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB).astype(np.intp)
    chroma = np.clip((lab[..., 1:] - 64) // 4, 0, 31)
    return np.asarray((lab[..., 0] // 16 * 32 + chroma[..., 0]) * 32 + chroma[..., 1], dtype=np.intp)


def _smooth(counts: FloatArray) -> FloatArray:
    cube = counts.reshape(16, 32, 32)
    blurred = np.stack([cv2.GaussianBlur(layer, (0, 0), 0.8) for layer in cube])
    padded = np.pad(blurred, ((1, 1), (0, 0), (0, 0)), mode="edge")
    mixed = 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]
    return np.asarray(mixed.ravel() / max(float(mixed.sum()), 1.0), dtype=np.float32)
