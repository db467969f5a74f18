"""How a model is trained, as data: every field has an effect, and everything is stored with the model.

The defaults are those of the published recipe for DINOv2; what depends on the backbone is None until it is known.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

OFFLINE_BACKBONE = "efficientnet-lite0"


class Part(BaseModel):
    """Base of everything in a configuration: immutable, and unknown fields are an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ModelConfig(Part):
    """The network: a backbone, pooling over its patches, a projection."""

    backbone: str = Field(
        "auto",
        description=f"`{OFFLINE_BACKBONE}`, a name on the Hugging Face hub, or a folder; auto: DINOv2 large where there"
        f" is a GPU, else `{OFFLINE_BACKBONE}`.",
    )
    image_size_px: int | None = Field(None, ge=16, le=1024, description="None: what the backbone is trained at here.")
    embedding_dim: int | None = Field(None, ge=8, le=4096, description="None: by the backbone.")
    pooling_exponent: float = Field(3.0, ge=1, le=16, description="Of GeM at the beginning; it is learned.")
    dropout: float = Field(0.15, ge=0, lt=1, description="Before the projection.")
    frozen_share: float = Field(0, ge=0, le=1, description="Of the backbone's layers, from the first on.")


class LossConfig(Part):
    """What is learned from: classes through a head, and batches in themselves."""

    head: Literal["arcface", "subcenter_arcface", "proxy_anchor", "none"] = "arcface"
    scale: float = Field(30, gt=0, le=128)
    margin: float = Field(0.30, ge=0, le=1.5, description="In radians.")
    label_smoothing: float = Field(0.2, ge=0, lt=1)
    n_subcenters: int = Field(3, ge=2, le=10, description="Of a class, for sub-center ArcFace.")
    contrast_weight: float = Field(0, ge=0, le=10, description="Of supervised contrast within a batch (SupCon).")
    temperature: float = Field(0.1, gt=0, le=1, description="Of that contrast.")

    @model_validator(mode="after")
    def _check(self) -> "LossConfig":
        if self.head == "none" and self.contrast_weight == 0:
            raise ValueError("without a head there must be contrast, else nothing is learned")
        return self


class BatchConfig(Part):
    """Which images come together: triplets of an anchor, an image of the same product, and one of another."""

    size: int | None = Field(None, ge=3, le=4096, description="Images. None: by the backbone.")
    accumulate: int = Field(1, ge=1, le=256, description="Batches for one step of the optimiser.")
    domain_aware_share: float = Field(
        0.57, ge=0, le=1, description="Of triplets whose anchor is a real and whose positive is a synthetic image."
    )
    negative_pool: int = Field(5, ge=1, le=1000, description="Nearest other products, that negatives come from.")
    hardest_negatives: bool = Field(True, description="Of the pool the nearest one twice as often as the farthest.")


class OptimiserConfig(Part):
    """AdamW, warmed up and cooled down."""

    epochs: int = Field(30, ge=1, le=10_000)
    learning_rate: float | None = Field(None, gt=0, le=1, description="None: by the backbone.")
    weight_decay: float = Field(0.01, ge=0, le=1, description="Not of biases and norms.")
    layer_decay: float = Field(0.9, gt=0, le=1, description="Of the rate, for each layer away from the head.")
    head_rate: float = Field(10, gt=0, le=1000, description="How many times the rate projection and head learn at.")
    warmup_epochs: float | None = Field(None, ge=0, le=1000, description="None: by the backbone.")
    final_share: float = Field(0.01, ge=0, le=1, description="Of the rate, at the end of the cosine.")
    clip: float | None = Field(None, gt=0, le=1000, description="Of the gradient's norm. None: by the backbone.")
    ema_decay: float = Field(0.999, ge=0, lt=1, description="Of the weights that are evaluated and published.")
    precision: Literal["auto", "float32", "bf16", "fp16"] = Field("auto", description="auto: bf16 where a GPU has it.")


class TransformConfig(Part):
    """What is done to each image each time that it is seen."""

    flip: float = Field(0.5, ge=0, le=1, description="Probability, left to right.")
    rotate_deg: float = Field(10, ge=0, le=180)
    translate: float = Field(0.1, ge=0, le=0.5, description="Share of the sides.")
    scale: float = Field(0.1, ge=0, le=0.9)
    perspective: float = Field(0.1, ge=0, le=0.5, description="How far corners move, as a share of the sides.")
    jitter: float = Field(0.2, ge=0, le=1, description="Of brightness, contrast and saturation; of hue a tenth.")
    blur: float = Field(0.2, ge=0, le=1, description="Probability.")
    erase: float = Field(0.25, ge=0, le=1, description="Probability of a rectangle of noise.")


class WatchConfig(Part):
    """When a run ends before its last epoch."""

    patience_epochs: int = Field(10, ge=1, le=10_000, description="Without a better figure on validation products.")
    explodes_at: float = Field(10, gt=1, description="Times the least loss so far.")


class TrainingConfig(Part):
    """Everything that decides what a model becomes, but its images."""

    model: ModelConfig = ModelConfig()
    loss: LossConfig = LossConfig()
    batch: BatchConfig = BatchConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    transform: TransformConfig = TransformConfig()
    watch: WatchConfig = WatchConfig()
    seed: int = Field(42, ge=0, lt=2**31)
