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
from buybuddy.ml.retrieval.colour import COLOUR_DIM
from buybuddy.ml.retrieval.preparation import PREPARATION, PreparedPicture, prepare_frame, prepare_photo, to_pixels
from buybuddy.ml.segmentation.u2netp import U2NetP, find_weights

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]

ENCODER_FILE = "efficientnet-lite0.onnx"
FEATURE_DIM = 1280
EMBEDDING_DIM = FEATURE_DIM + COLOUR_DIM
_BATCH_SIZE = 8
# Of the colours' similarity against that of the network's features, which counts 1.
_COLOUR_WEIGHT = 0.2


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
        Returns: (n, 1352) float32, rows of unit length: the network's features, then the colours.
        """
        return self.embed_prepared([self.prepare(rgb, matte) for rgb, matte in zip(images_rgb, mattes, strict=True)])

    def prepare(self, rgb: UInt8Array, matte: UInt8Array | None) -> PreparedPicture:
        """Make what one picture is embedded from: one view of a cut-out, up to three of a photo."""
        if matte is not None:
            return prepare_frame(rgb, matte)
        if self._segmenter is None:
            self._segmenter = U2NetP(find_weights(), self._n_threads)
        return prepare_photo(rgb, self._segmenter)

    def embed_prepared(self, pictures: Sequence[PreparedPicture]) -> FloatArray:
        """Embed pictures that `prepare` has seen: (n, 1352) float32 unit rows, one for each picture."""
        features = self.extract_features([view for picture in pictures for view in picture.views])
        rows = np.empty((len(pictures), EMBEDDING_DIM), dtype=np.float32)
        end = 0
        for row, picture in zip(rows, pictures, strict=True):
            start, end = end, end + len(picture.views)
            mean = features[start:end].mean(axis=0)
            row[:FEATURE_DIM] = mean / max(float(np.linalg.norm(mean)), 1e-12)
            row[FEATURE_DIM:] = picture.colours * np.float32(_COLOUR_WEIGHT**0.5)
        return rows / np.float32((1 + _COLOUR_WEIGHT) ** 0.5)

    def extract_features(self, views: Sequence[UInt8Array]) -> FloatArray:
        """Run the network on (224, 224, 3) uint8 RGB views: (n, 1280) float32 unit rows."""
        features = np.empty((len(views), FEATURE_DIM), dtype=np.float32)
        for start in range(0, len(views), _BATCH_SIZE):
            pixels = to_pixels(np.stack(views[start : start + _BATCH_SIZE]))
            features[start : start + len(pixels)] = self._session.run(["vectors"], {"pixels": pixels})[0]
        return features
