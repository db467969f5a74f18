"""A tiny network and a few pictures: training in seconds, by the code that trains for hours."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from transformers import Dinov2Config, Dinov2Model

from buybuddy.ml.training.backbones import load_backbone
from buybuddy.ml.training.choosing import fill_in
from buybuddy.ml.training.loop import Trainer, TrainingImages
from buybuddy.ml.training.model import EmbeddingModel
from buybuddy.ml.training.sampling import ImageFacts
from buybuddy.training_config import TrainingConfig

UInt8Array = npt.NDArray[np.uint8]

SIDE_PX = 32
SMALL: dict[str, Any] = {
    "model": {"image_size_px": SIDE_PX, "embedding_dim": 16},
    "batch": {"size": 6},
    "optimiser": {"epochs": 2, "learning_rate": 1e-3, "warmup_epochs": 0.5, "clip": 1.0, "ema_decay": 0.5},
}


@lru_cache
def tiny_backbone(folder: Path) -> str:
    """Save a random DINOv2 of two layers and return the folder's name."""
    torch.manual_seed(3)
    config = Dinov2Config(
        hidden_size=24, num_hidden_layers=2, num_attention_heads=2, mlp_ratio=2, image_size=SIDE_PX, patch_size=8
    )
    Dinov2Model(config).save_pretrained(folder)
    return str(folder)


def pictures(n_classes: int, n_each: int, seed: int = 0) -> TrainingImages:
    """Draw pictures: of each class a pattern of its own, of each picture a light of its own; the first is synthetic."""
    draw = np.random.default_rng(seed)
    classes = np.repeat(np.arange(n_classes), n_each)
    patterns = draw.integers(0, 256, (n_classes, 4, 4, 3), dtype=np.uint8)
    drawn = [cv2.resize(patterns[one], (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_NEAREST) for one in classes]
    noise = draw.normal(0, 20, (len(classes), SIDE_PX, SIDE_PX, 3))
    stacked = np.clip(np.stack(drawn) + noise, 0, 255).astype(np.uint8)
    return TrainingImages(stacked, ImageFacts(classes, np.arange(len(classes)) % n_each > 0))


def merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return nested values with some of them replaced."""
    merged = dict(base)
    for key, value in changes.items():
        merged[key] = merge(merged.get(key, {}), value) if isinstance(value, dict) else value
    return merged


def make_trainer(folder: Path, backbone: str, images: TrainingImages, changes: dict[str, Any], **more: Any) -> Trainer:
    """Make a trainer of a tiny network, with some fields of the configuration changed."""
    torch.manual_seed(5)
    loaded = load_backbone(backbone)
    config = fill_in(TrainingConfig.model_validate(merge(SMALL, changes)), backbone, loaded)
    model = EmbeddingModel(
        loaded,
        embedding_dim=config.model.embedding_dim or 0,
        side_px=config.model.image_size_px or 0,
        exponent=config.model.pooling_exponent,
        dropout=config.model.dropout,
    )
    return Trainer(config, model, images, more.pop("validate", lambda model: 0.0), folder, **more)


def weights_of(trainer: Trainer) -> dict[str, torch.Tensor]:
    """Return every weight, of the network and of the head."""
    state = {f"model.{name}": value.clone() for name, value in trainer.model.state_dict().items()}
    return state | {f"loss.{name}": value.clone() for name, value in trainer._loss.state_dict().items()}
