"""What a configuration leaves open is chosen by the backbone, and then written down."""

from buybuddy.ml.training.backbones import Backbone
from buybuddy.training_config import OFFLINE_BACKBONE, TrainingConfig

LARGE_BACKBONE = "facebook/dinov2-large"
_LARGE_FROM_DIM = 1024

# By the size of the backbone: embedding's dim, images of a batch, rate, epochs of warm-up, largest norm of gradients.
_LARGE, _BASE, _LITE = (1024, 16, 2e-5, 5.0, 0.5), (768, 32, 1e-4, 3.0, 1.0), (512, 48, 2e-4, 1.0, 1.0)


def choose_backbone(name: str, *, has_gpu: bool) -> str:
    """Return the backbone that `auto` stands for; any other name stays."""
    return (LARGE_BACKBONE if has_gpu else OFFLINE_BACKBONE) if name == "auto" else name


def fill_in(config: TrainingConfig, name: str, backbone: Backbone) -> TrainingConfig:
    """Return the configuration with nothing left open: what is None is chosen by the backbone."""
    preset = _LITE if name == OFFLINE_BACKBONE else _LARGE if backbone.dim >= _LARGE_FROM_DIM else _BASE
    dim, size, rate, warmup, clip = preset
    model, batch, optimiser = config.model, config.batch, config.optimiser
    return config.model_copy(
        update={
            "model": model.model_copy(
                update={
                    "backbone": name,
                    "image_size_px": model.image_size_px or backbone.default_side_px,
                    "embedding_dim": model.embedding_dim or dim,
                }
            ),
            "batch": batch.model_copy(update={"size": batch.size or size}),
            "optimiser": optimiser.model_copy(
                update={
                    "learning_rate": optimiser.learning_rate or rate,
                    "warmup_epochs": warmup if optimiser.warmup_epochs is None else optimiser.warmup_epochs,
                    "clip": optimiser.clip or clip,
                }
            ),
        }
    )
