"""Measure the centre of shop photos that `ml.retrieval.photo_centre` holds, and print that file's constant.

python -m buybuddy.benchmarks.retrieval_centre --data DIR --scratch DIR
"""

import argparse
import base64
import sys
import textwrap
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.benchmarks.grocery import unpack_grocery
from buybuddy.ml.images import read_image_rgb
from buybuddy.ml.retrieval.encoder import ENCODER_FILE, Encoder
from buybuddy.ml.retrieval.export_encoder import build_encoder
from buybuddy.ml.retrieval.photo_centre import CENTRE_LEVELS


def measure_centre(data_dir: Path, scratch_dir: Path, photos_per_product: int = 10) -> npt.NDArray[np.float32]:
    """Return the mean, over the photos' views, of the encoder's unit features before centring: (1280,) float32."""
    (scratch_dir / ENCODER_FILE).write_bytes(build_encoder(centre=None))
    encoder = Encoder(scratch_dir)
    means = []
    for product in unpack_grocery(data_dir, scratch_dir, photos_per_product):
        views = [view for path in product.photos for view in encoder.prepare(read_image_rgb(path), None).views]
        means.append(encoder.extract_features(views).mean(axis=0))
    return np.asarray(np.mean(means, axis=0), dtype=np.float32)


def main() -> None:
    """Print the constant for the data given on the command line."""
    parser = argparse.ArgumentParser(description="Measure the centre of shop photos.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, required=True)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    centre = measure_centre(arguments.data, arguments.scratch)
    highest = float(centre.max())
    levels = np.rint(centre / highest * CENTRE_LEVELS).astype(np.uint8)
    lines = textwrap.wrap(base64.b64encode(levels.tobytes()).decode(), 110)
    sys.stdout.write(f"_HIGHEST = {highest:.6f}\n_LEVELS = (\n" + "".join(f'    "{line}"\n' for line in lines) + ")\n")


if __name__ == "__main__":
    main()
