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
from buybuddy.ml.retrieval.preparation import PREPARATION, PhotoViews, prepare_frame, prepare_photo, to_pixels
from buybuddy.ml.segmentation.u2netp import U2NetP, find_weights

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]

Views = tuple[UInt8Array, ...]

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
        self._n_threads = max(1, n_threads)
        self._segmenter: U2NetP | None = None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._n_threads
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
        """Embed pictures: cut-outs with their mattes, photos without.

        Args:
            images_rgb: (H, W, 3) uint8 RGB each, of any size.
            mattes: for each picture its (H, W) uint8 matte, or None: then the product in it is looked for.
        Returns: (n, 1280) float32, rows of unit length.
        """
        prepared = [self.prepare(rgb, matte) for rgb, matte in zip(images_rgb, mattes, strict=True)]
        return self.embed_prepared(prepared)

    def prepare(self, rgb: UInt8Array, matte: UInt8Array | None) -> Views:
        """Make the views that one picture is embedded from: one of a cut-out, three of a photo."""
        return self.prepare_photo(rgb).prepared if matte is None else (prepare_frame(rgb, matte),)

    def embed_prepared(self, prepared: Sequence[Views]) -> FloatArray:
        """Embed pictures that `prepare` has seen: (n, 1280) float32 unit rows, one for each picture."""
        vectors = self.embed_views([view for views in prepared for view in views])
        fused = np.empty((len(prepared), EMBEDDING_DIM), dtype=np.float32)
        end = 0
        for row, views in enumerate(prepared):
            start, end = end, end + len(views)
            fused[row] = fuse_views(vectors[start:end])
        return fused

    def prepare_photo(self, rgb: UInt8Array) -> PhotoViews:
        """Find the product in a photo and prepare its views; see `preparation.prepare_photo`."""
        if self._segmenter is None:
            self._segmenter = U2NetP(find_weights(), self._n_threads)
        return prepare_photo(rgb, self._segmenter)

    def embed_views(self, prepared: Sequence[UInt8Array]) -> FloatArray:
        """Embed prepared (224, 224, 3) uint8 RGB views: (n, 1280) float32 unit rows."""
        vectors = np.empty((len(prepared), EMBEDDING_DIM), dtype=np.float32)
        for start in range(0, len(prepared), _BATCH_SIZE):
            pixels = to_pixels(np.stack(prepared[start : start + _BATCH_SIZE]))
            vectors[start : start + len(pixels)] = self._session.run(["vectors"], {"pixels": pixels})[0]
        return vectors


def fuse_views(vectors: FloatArray) -> FloatArray:
    """Average the (n, d) unit vectors of one picture's views into one (d,) unit vector."""
    mean = vectors.mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), dtype=np.float32)
