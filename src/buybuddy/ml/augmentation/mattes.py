"""Mattes for pictures that came without one."""

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.ml.augmentation.cut_outs import NothingCutOut
from buybuddy.ml.retrieval.preparation import find_middle_thing
from buybuddy.ml.segmentation.plain_background import cut_from_plain
from buybuddy.ml.segmentation.u2netp import U2NetP, find_weights

UInt8Array = npt.NDArray[np.uint8]

PLAIN, NETWORK = "plain-background/1", "u2netp-middle/1"
_EDGE_SIGMA_PX = 0.7


class MatteMaker:
    """Cuts products out; its network is loaded when it is first needed."""

    def __init__(self, n_threads: int) -> None:
        self._n_threads = n_threads
        self._network: U2NetP | None = None

    def make(self, rgb: UInt8Array) -> tuple[UInt8Array, str]:
        """Return the matte of a (H, W, 3) uint8 picture, (H, W) uint8, and what made it, with its version.

        Raises: NothingCutOut when nothing stands out, Misconfigured without the network's weights.
        """
        plain = cut_from_plain(rgb)
        if plain is not None:
            return np.asarray(cv2.GaussianBlur(plain, (0, 0), _EDGE_SIGMA_PX), dtype=np.uint8), PLAIN
        if self._network is None:
            self._network = U2NetP(find_weights(), self._n_threads)
        alpha = find_middle_thing(rgb, self._network)
        if alpha is None:
            raise NothingCutOut("Nothing stands out in the picture, so nothing could be cut out.")
        return np.asarray(np.rint(alpha * 255), dtype=np.uint8), NETWORK
