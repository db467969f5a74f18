"""HDR pictures brought to the range of an ordinary screen, so that colours stay comparable with photos."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

_PQ_TRC = 16
_HLG_TRC = 18
_SDR_WHITE_NITS = 203.0

# ITU-R BT.2087: linear BT.2020 to linear BT.709.
_BT2020_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], dtype=np.float32
)


def is_hdr(color_trc: int) -> bool:
    """Whether FFmpeg's transfer characteristic is PQ or HLG."""
    return color_trc in (_PQ_TRC, _HLG_TRC)


def tone_map(rgb: npt.NDArray[np.uint8], color_trc: int) -> npt.NDArray[np.uint8]:
    """Map PQ or HLG coded BT.2020 pixels to ordinary sRGB.

    Args:
        rgb: (H, W, 3) uint8 RGB, still in the HDR transfer curve.
        color_trc: 16 for PQ, 18 for HLG.
    Returns: (H, W, 3) uint8 sRGB; diffuse white (203 cd/m²) lands near white, highlights roll off.
    Source: ITU-R BT.2100 (curves), BT.2408 (diffuse white), BT.2087 (gamut).
    """
    linear = _to_linear(color_trc)[rgb] @ _BT2020_TO_BT709.T
    np.clip(linear, 0.0, None, out=linear)
    rolled_off = linear * (1 + linear / 16.0) / (1 + linear * 0.35) * 1.25
    coded = np.power(np.clip(rolled_off, 0.0, 1.0), 1 / 2.2)
    return np.asarray(np.round(coded * 255), dtype=np.uint8)


@lru_cache(maxsize=2)
def _to_linear(color_trc: int) -> npt.NDArray[np.float32]:
    """Light relative to diffuse white for each of the 256 codes."""
    code = np.arange(256, dtype=np.float64) / 255
    if color_trc == _PQ_TRC:
        m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
        power = code ** (1 / m2)
        nits = 10_000 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)
        return (nits / _SDR_WHITE_NITS).astype(np.float32)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
    return (1000 * scene**1.2 / _SDR_WHITE_NITS).astype(np.float32)
