"""A trained model as files that anybody can load with one call: weights, configuration, preprocessing, card."""

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from buybuddy.errors import Misconfigured
from buybuddy.ml.training.backbones import from_description
from buybuddy.ml.training.model import EmbeddingModel

WEIGHTS_FILE, CONFIG_FILE, CARD_FILE, ONNX_FILE = "model.safetensors", "config.json", "README.md", "model.onnx"
FORMAT = "buybuddy-embedding/1"
MOST_DIFFERENT = 1e-4  # of a number of a vector, between torch and ONNX


@dataclass(frozen=True)
class Parity:
    """How far the ONNX file's answers are from the model's own."""

    largest_difference: float
    least_cosine: float


def save_model(folder: Path, model: EmbeddingModel, facts: dict[str, Any], card: str) -> None:
    """Write weights, configuration and card.

    Args:
        facts: more of what the model is and where it comes from: plain JSON.
        card: Markdown.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    save_file(weights, folder / WEIGHTS_FILE, metadata={"format": FORMAT})
    config = {
        **facts,
        "format": FORMAT,
        "backbone": model.backbone.description(),
        "embedding_dim": model.embedding_dim,
        "side_px": model.side_px,
    }
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    (folder / CARD_FILE).write_text(card, encoding="utf-8")


def read_config(folder: Path) -> dict[str, Any]:
    """Read what a saved model says of itself. Raises: Misconfigured when the folder holds none."""
    try:
        config: dict[str, Any] = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{folder} holds no model: {CONFIG_FILE} cannot be read.") from error
    if config.get("format") != FORMAT:
        raise Misconfigured(f"{folder} holds a model of the format {config.get('format')}; this is {FORMAT}.")
    return config


def load_model(folder: Path) -> EmbeddingModel:
    """Load a saved model, ready to embed. Raises: Misconfigured when it is damaged or of another format."""
    config = read_config(folder)
    model = EmbeddingModel(
        from_description(config["backbone"]), embedding_dim=config["embedding_dim"], side_px=config["side_px"]
    )
    try:
        model.load_state_dict(load_file(folder / WEIGHTS_FILE))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise Misconfigured(f"The weights in {folder} do not fit what its {CONFIG_FILE} says: {error}") from error
    return model.eval()


class _Pixels(nn.Module):
    """The model with whole numbers as its input, in the order that a decoder leaves them in."""

    def __init__(self, model: EmbeddingModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, pictures: Tensor) -> Tensor:
        return self.model(pictures.permute(0, 3, 1, 2))


def export_onnx(folder: Path, model: EmbeddingModel) -> Parity:
    """Write an ONNX file beside the weights, (n, side, side, 3) uint8 in, and compare its answers with the model's.

    Raises: Misconfigured when they differ by more than rounding does.
    """
    side, path = model.side_px, folder / ONNX_FILE
    example = torch.randint(0, 256, (2, side, side, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    whole = _Pixels(model).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of torch, about itself
        torch.onnx.export(
            whole, (example,), str(path), input_names=["pictures"], output_names=["vectors"],
            dynamic_shapes={"pictures": {0: torch.export.Dim("n", min=1, max=4096)}}, opset_version=18, verbose=False,
        )  # fmt: skip
    with torch.inference_mode():
        wanted = whole(example).numpy()
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found = np.asarray(session.run(["vectors"], {"pictures": example.numpy()})[0])
    parity = Parity(float(np.abs(found - wanted).max()), float((found * wanted).sum(axis=1).min()))
    if parity.largest_difference > MOST_DIFFERENT:
        raise Misconfigured(f"The ONNX file answers differently, by up to {parity.largest_difference:.2g}.")
    return parity
