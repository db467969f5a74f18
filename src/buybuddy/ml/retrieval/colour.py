"""The colours of a product, which the network looks past: often all that tells two flavours of one brand apart."""

import itertools

import cv2
import numpy as np
import numpy.typing as npt

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
Rgb = tuple[int, int, int]

_LIGHTNESS_BINS, _CHROMA_BINS = 2, 6
COLOUR_DIM = _LIGHTNESS_BINS * _CHROMA_BINS * _CHROMA_BINS
_SIDE_PX = 56
_BACKGROUND_TOLERANCE = 14
_MIN_PRODUCT_PX = 60
# How much of the light's colour is taken out: 0 none of it, 1 all (then a green pack under white light is grey, too).
_WHITE_BALANCE = 0.7
_CHROMA_LIMIT = 64.0


def describe_colours(rgb: UInt8Array, background: Rgb | None) -> FloatArray:
    """Describe which colours a picture has, and how much of each, whatever the light.

    Args:
        rgb: (H, W, 3) uint8 RGB.
        background: flat colour that the product was laid on and that does not count; None when the product fills the
            middle, which then counts more than the border.
    Returns: (72,) float32 unit vector, square roots of the shares of 2 lightnesses × 6 × 6 chromas of CIE Lab, each
        pixel spread over its nearest bins; the inner product of two is their Bhattacharyya coefficient.
    """
    small = cv2.resize(rgb, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)
    weight = _weigh_pixels(np.asarray(small, dtype=np.uint8), background)
    light = small.astype(np.float32) / np.float32(255)
    mean = (light * weight[..., None]).sum(axis=(0, 1)) / weight.sum()
    balanced = np.clip(0.5 * light / np.maximum(mean, 0.05) ** _WHITE_BALANCE, 0, 1).astype(np.float32)
    lab = cv2.cvtColor(balanced, cv2.COLOR_RGB2LAB)
    positions = (
        _to_bins(lab[..., 0] / 100, _LIGHTNESS_BINS),
        _to_bins((lab[..., 1] + _CHROMA_LIMIT) / (2 * _CHROMA_LIMIT), _CHROMA_BINS),
        _to_bins((lab[..., 2] + _CHROMA_LIMIT) / (2 * _CHROMA_LIMIT), _CHROMA_BINS),
    )
    counts = np.zeros(COLOUR_DIM)
    for corner in itertools.product((0, 1), repeat=3):
        index = np.zeros(weight.shape, dtype=np.intp)
        share = weight.astype(np.float64)
        for step, (low, fraction, n_bins) in zip(corner, positions, strict=True):
            index = index * n_bins + np.minimum(low + step, n_bins - 1)
            share = share * (fraction if step else 1 - fraction)
        counts += np.bincount(index.ravel(), share.ravel(), minlength=COLOUR_DIM)
    return np.asarray(np.sqrt(counts / counts.sum()), dtype=np.float32)


def _weigh_pixels(small: UInt8Array, background: Rgb | None) -> FloatArray:
    if background is not None:
        difference = np.abs(small.astype(np.int16) - np.array(background, dtype=np.int16)).max(axis=-1)
        is_product = difference > _BACKGROUND_TOLERANCE
        if int(is_product.sum()) >= _MIN_PRODUCT_PX:
            return np.asarray(is_product, dtype=np.float32)
    steps = (np.arange(_SIDE_PX) - (_SIDE_PX - 1) / 2) / 22
    return np.asarray(np.exp(-(steps[:, None] ** 2 + steps[None, :] ** 2)), dtype=np.float32)


def _to_bins(values: FloatArray, n_bins: int) -> tuple[npt.NDArray[np.intp], FloatArray, int]:
    """Return for values in [0, 1] the lower bin, how far each is on the way to the next one, and how many there are."""
    position = np.clip(values * n_bins - 0.5, 0, n_bins - 1 - 1e-3).astype(np.float32)
    low = position.astype(np.intp)
    return low, np.asarray(position - low, dtype=np.float32), n_bins
