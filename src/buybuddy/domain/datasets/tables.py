"""Datasets, the products in them, and their frozen versions."""

import datetime as dt
import uuid

from sqlalchemy import BigInteger, Computed, Float, ForeignKey, Index, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from buybuddy.domain.accounts.tables import User
from buybuddy.domain.products.tables import Product
from buybuddy.infra.db import Base, CreatedAt, EditedRow, new_id


class Dataset(Base, EditedRow):
    """Chosen products under a name; `version` moves with name and description, never with the products."""

    __tablename__ = "datasets"
    __table_args__ = (
        Index("uq_datasets_name_key", "name_key", unique=True),
        Index("ix_datasets_created_at", "created_at", "id"),
        Index("ix_datasets_updated_at", "updated_at", "id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str]
    name_key: Mapped[str] = mapped_column(Text(collation="C"), Computed("fold_text(name)", persisted=True))
    description: Mapped[str] = mapped_column(server_default="")
    last_version_number: Mapped[int] = mapped_column(server_default="0")


class DatasetProduct(Base):
    """That a product is in a dataset; triggers count them in the tallies (migration 0006)."""

    __tablename__ = "dataset_products"
    __table_args__ = (Index("ix_dataset_products_added", "dataset_id", "added_at", "product_id"),)

    dataset_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Dataset.id, ondelete="CASCADE"), primary_key=True)
    product_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey(Product.id, ondelete="CASCADE"), primary_key=True, index=True
    )
    added_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class DatasetVersion(Base, CreatedAt):
    """A frozen manifest in storage and what is known of it; a row never changes."""

    __tablename__ = "dataset_versions"
    __table_args__ = (Index("uq_dataset_versions_number", "dataset_id", "number", unique=True),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    dataset_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Dataset.id, ondelete="CASCADE"))
    number: Mapped[int]
    note: Mapped[str] = mapped_column(server_default="")
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(User.id, ondelete="SET NULL"), index=True)
    created_by_name: Mapped[str]
    seed: Mapped[int] = mapped_column(BigInteger)
    train_ratio: Mapped[float] = mapped_column(Float(53))
    val_ratio: Mapped[float] = mapped_column(Float(53))
    test_ratio: Mapped[float] = mapped_column(Float(53))
    manifest_key: Mapped[str]
    manifest_sha256: Mapped[str]
    content_sha256: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    n_products: Mapped[int]
    n_images: Mapped[int]
    counts: Mapped[dict[str, dict[str, int]]] = mapped_column(JSONB)
