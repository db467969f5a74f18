"""Encoders and the vectors they made, of product images and of photos."""

import datetime as dt
import uuid

from pgvector.sqlalchemy import Vector
from sqlalchemy import Computed, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import BIT
from sqlalchemy.orm import Mapped, mapped_column

from buybuddy.domain.photos.tables import Photo
from buybuddy.domain.products.tables import ProductImage
from buybuddy.infra.db import Base, CreatedAt, new_id


class Encoder(Base, CreatedAt):
    """Vectors are comparable only within one row of this table.

    Columns:
        is_serving: the one whose vectors candidates and search are answered from; at most one.
    """

    __tablename__ = "encoders"
    __table_args__ = (
        Index("uq_encoders_identity", "name", "weights_sha256", "preprocessing", unique=True),
        Index("uq_encoders_serving", "is_serving", unique=True, postgresql_where=text("is_serving")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str]
    weights_sha256: Mapped[str]
    preprocessing: Mapped[str]
    dim: Mapped[int]
    is_serving: Mapped[bool] = mapped_column(server_default=text("false"))


class ImageEmbedding(Base, CreatedAt):
    __tablename__ = "image_embeddings"

    encoder_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("encoders.id", ondelete="CASCADE"), primary_key=True)
    image_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey(ProductImage.id, ondelete="CASCADE"), primary_key=True, index=True
    )
    embedding: Mapped[list[float]] = mapped_column(Vector())


class PhotoEmbedding(Base, CreatedAt):
    """A photo's vector; each encoder has a graph of its own over the open ones.

    Columns:
        is_open: the photo is unassigned; triggers keep it, and the two below, as the photo has them (migration 0012).
        signs: one bit for each number of the vector; those that fit a filter are compared by it, from the index alone.
    """

    __tablename__ = "photo_embeddings"
    __table_args__ = (
        *(
            Index(
                f"ix_photo_embeddings_{name}",
                *columns,
                postgresql_where=text("is_open"),
                postgresql_include=["photo_id", "signs"],
            )
            for name, columns in (
                ("source", ("encoder_id", "source", "captured_at")),
                ("captured", ("encoder_id", "captured_at")),
            )
        ),
    )

    encoder_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("encoders.id", ondelete="CASCADE"), primary_key=True)
    photo_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Photo.id, ondelete="CASCADE"), primary_key=True, index=True)
    embedding: Mapped[list[float]] = mapped_column(Vector())
    is_open: Mapped[bool]
    source: Mapped[str]
    captured_at: Mapped[dt.datetime | None]
    signs: Mapped[str] = mapped_column(
        BIT(varying=True), Computed("binary_quantize(embedding)::bit varying", persisted=True), deferred=True
    )
