"""What near-duplicate photos share: a hash that finds them among millions, and a small picture that confirms it.

Which hashes and scenes count as one is decided in domain/photos/rules.py; the figures are in
docs/experiments-retrieval.md.
"""

import cv2
import numpy as np
import numpy.typing as npt

UInt8Array = npt.NDArray[np.uint8]

SCENE_SIDE_PX = 16
_HASHED_SIDE_PX = 32
_FREQUENCIES = 8


def hash_picture(rgb: UInt8Array) -> int:
    """Hash a picture into 64 bits of which its copies, smaller or compressed anew, share all but a few.

    Args:
        rgb: (H, W, 3) uint8 RGB, upright.
    Returns: the bits as a signed 64-bit number, the lowest frequency first.
    Source: C. Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions (2010), 3.2.1: the lowest
        8×8 frequencies of the DCT of the grey picture at 32×32, each above their median or not.
    """
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_HASHED_SIDE_PX, _HASHED_SIDE_PX), interpolation=cv2.INTER_AREA)
    lowest = np.asarray(cv2.dct(small.astype(np.float32)))[:_FREQUENCIES, :_FREQUENCIES].ravel()
    bits = np.packbits(lowest > np.median(lowest))
    return int.from_bytes(bits.tobytes(), "big", signed=True)


def shrink_to_scene(rgb: UInt8Array) -> UInt8Array:
    """Average a (H, W, 3) uint8 RGB picture into its scene: (16, 16, 3) uint8, whatever its shape was."""
    scene = cv2.resize(rgb, (SCENE_SIDE_PX, SCENE_SIDE_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(scene, dtype=np.uint8)
