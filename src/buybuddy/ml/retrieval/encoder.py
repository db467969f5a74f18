"""The offline encoder: pictures in, unit vectors out."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidGraph, InvalidProtobuf, NoSuchFile

from buybuddy.errors import Misconfigured
from buybuddy.ml.retrieval.preparation import PREPARATION, prepare_image, to_pixels

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]

ENCODER_FILE = "efficientnet-lite0.onnx"
EMBEDDING_DIM = 1280
_BATCH_SIZE = 8


@dataclass(frozen=True)
class EncoderFacts:
    """What makes vectors comparable: all of it must be equal."""

    name: str
    weights_sha256: str
    preprocessing: str
    dim: int


def default_models_dir() -> Path:
    """Return where set-up puts model files: inside the Python environment that we run in."""
    return Path(sys.prefix) / "share/buybuddy/models"


class Encoder:
    """A loaded encoder; keep it for the life of the process, use it from one thread at a time.

    Args:
        models_dir: folder with `efficientnet-lite0.onnx`.
        n_threads: how many threads one call may use.
    Raises: Misconfigured when the file is missing or damaged; the message says how to make it.
    """

    def __init__(self, models_dir: Path, n_threads: int = 1) -> None:
        path = models_dir / ENCODER_FILE
        command = f"python -m buybuddy.ml.retrieval.export_encoder --output {path}"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = max(1, n_threads)
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except NoSuchFile as error:
            raise Misconfigured(f"The encoder's file {path} is missing. Make it with: {command}") from error
        except (Fail, InvalidGraph, InvalidProtobuf) as error:
            raise Misconfigured(f"The encoder's file {path} is damaged. Make it anew with: {command}") from error
        properties = self._session.get_modelmeta().custom_metadata_map
        if not {"encoder", "weights_sha256"} <= properties.keys():
            raise Misconfigured(f"{path} does not say what it holds. Make it anew with: {command}")
        self.facts = EncoderFacts(properties["encoder"], properties["weights_sha256"], PREPARATION, EMBEDDING_DIM)

    def embed(self, images_rgb: Sequence[UInt8Array], mattes: Sequence[UInt8Array | None]) -> FloatArray:
        """Embed pictures, each with its matte or as it is.

        Args:
            images_rgb: (H, W, 3) uint8 RGB each, of any size.
            mattes: one (H, W) uint8 or None for each picture.
        Returns: (n, 1280) float32, rows of unit length.
        """
        prepared = [prepare_image(rgb, matte) for rgb, matte in zip(images_rgb, mattes, strict=True)]
        return self.embed_prepared(prepared)

    def embed_prepared(self, prepared: Sequence[UInt8Array]) -> FloatArray:
        """Embed (224, 224, 3) uint8 RGB pictures that `prepare_image` or its parts have made."""
        vectors = np.empty((len(prepared), EMBEDDING_DIM), dtype=np.float32)
        for start in range(0, len(prepared), _BATCH_SIZE):
            batch = np.stack(prepared[start : start + _BATCH_SIZE])
            vectors[start : start + len(batch)] = self._run(batch)
        return vectors

    def _run(self, batch: UInt8Array) -> FloatArray:
        features = np.asarray(self._session.run(["features"], {"pixels": to_pixels(batch)})[0], dtype=np.float32)
        norms = np.linalg.norm(features, axis=1, keepdims=True)
        return np.asarray(features / np.maximum(norms, np.float32(1e-12)), dtype=np.float32)
