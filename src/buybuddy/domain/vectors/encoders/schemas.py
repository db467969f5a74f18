"""What the API takes and answers about encoders."""

import datetime as dt
import uuid
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from buybuddy.domain.vectors.encoders.service import EncoderState


class EncoderOut(BaseModel):
    """An encoder; its vectors are comparable with each other only."""

    id: uuid.UUID
    name: str
    preprocessing: str
    weights_sha256: str
    dim: int
    is_serving: bool
    image_vectors: int
    photo_vectors: int
    images_missing: int = Field(description="Vectors of product images that the serving encoder has more.")
    photos_missing: int = Field(description="Vectors of photos that the serving encoder has more.")
    filled_share: float = Field(description="Of what the serving encoder has; at 0.99 it can be activated.")
    created_at: dt.datetime

    @classmethod
    def of(cls, state: EncoderState) -> "EncoderOut":
        encoder = state.encoder
        return cls(
            id=encoder.id,
            name=encoder.name,
            preprocessing=encoder.preprocessing,
            weights_sha256=encoder.weights_sha256,
            dim=encoder.dim,
            is_serving=encoder.is_serving,
            image_vectors=state.n_images,
            photo_vectors=state.n_photos,
            images_missing=state.images_missing,
            photos_missing=state.photos_missing,
            filled_share=round(state.filled_share, 4),
            created_at=encoder.created_at,
        )


class ActivationIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    force: bool = Field(False, description="Even when more than 1 % of the serving encoder's vectors are missing.")


class FillIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    encoder: Literal["efficientnet-lite0", "efficientnet-lite0-whole"]
