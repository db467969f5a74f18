"""Encoders and the vectors they made."""

import uuid

from pgvector.sqlalchemy import Vector
from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from buybuddy.infra.db import Base, CreatedAt, new_id


class Encoder(Base, CreatedAt):
    """Vectors are comparable only within one row of this table."""

    __tablename__ = "encoders"
    __table_args__ = (Index("uq_encoders_identity", "name", "weights_sha256", "preprocessing", unique=True),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str]
    weights_sha256: Mapped[str]
    preprocessing: Mapped[str]
    dim: Mapped[int]


class ImageEmbedding(Base, CreatedAt):
    __tablename__ = "image_embeddings"

    encoder_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("encoders.id", ondelete="CASCADE"), primary_key=True)
    image_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("product_images.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    embedding: Mapped[list[float]] = mapped_column(Vector())
