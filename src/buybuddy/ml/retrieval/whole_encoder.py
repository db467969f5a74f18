"""The encoder for weak machines: the whole picture in one look, no segmentation, no colours."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from buybuddy.ml.retrieval.colour import COLOUR_DIM
from buybuddy.ml.retrieval.encoder import FEATURE_DIM, Encoder, EncoderFacts
from buybuddy.ml.retrieval.preparation import PreparedPicture, resize_square

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]

# Change this name with anything here that changes a single number of a vector.
WHOLE_PREPARATION = "whole/1"


class WholeEncoder(Encoder):
    """The network of `Encoder`, shown the whole picture stretched to its square: faster, and finds less.

    Args:
        models_dir: folder with `efficientnet-lite0.onnx`.
        n_threads: how many threads one call may use.
    Raises: Misconfigured when the file is missing or damaged; the message says how to make it.
    """

    def __init__(self, models_dir: Path, n_threads: int = 1) -> None:
        super().__init__(models_dir, n_threads)
        name, sha256 = f"{self.facts.name}-whole", self.facts.weights_sha256
        self.facts = EncoderFacts(name, sha256, WHOLE_PREPARATION, FEATURE_DIM)

    def prepare(self, rgb: UInt8Array, matte: UInt8Array | None) -> PreparedPicture:
        """Stretch the picture to the square; a matte is not looked at."""
        return PreparedPicture((resize_square(rgb),), np.zeros(COLOUR_DIM, dtype=np.float32), None)

    def embed_prepared(self, pictures: Sequence[PreparedPicture]) -> FloatArray:
        """Embed pictures that `prepare` has seen: (n, 1280) float32 unit rows, one for each picture."""
        return self.extract_features([picture.views[0] for picture in pictures])
