"""Recipes, backgrounds, and runs with what they planned and made for each product."""

import datetime as dt
import uuid

from sqlalchemy import BigInteger, Computed, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from buybuddy.domain.accounts.tables import User
from buybuddy.domain.datasets.tables import Dataset, DatasetVersion
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.products.tables import ProductImage
from buybuddy.infra.db import Base, CreatedAt, EditedRow, new_id


class SavedRecipe(Base, EditedRow):
    """A recipe that somebody has named; runs keep the recipe that they were begun with."""

    __tablename__ = "recipes"
    __table_args__ = (Index("uq_recipes_name_key", "name_key", unique=True),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str]
    name_key: Mapped[str] = mapped_column(Text(collation="C"), Computed("fold_text(name)", persisted=True))
    body: Mapped[dict[str, object]] = mapped_column(JSONB)


class Background(Base, CreatedAt):
    """A picture that products are laid on."""

    __tablename__ = "backgrounds"
    __table_args__ = (
        Index("uq_backgrounds_sha256", "sha256", unique=True),
        Index("ix_backgrounds_created_at", "created_at", "id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str]
    storage_key: Mapped[str]
    thumbnail_key: Mapped[str]
    width_px: Mapped[int]
    height_px: Mapped[int]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]


class AugmentationRun(Base, CreatedAt):
    """Pictures made for every product of a frozen version, up to the targets.

    Columns:
        surroundings: keys of the backgrounds and neighbours that every part of the run uses.
        is_planned: whether all of its shards are known.
    """

    __tablename__ = "augmentation_runs"
    __table_args__ = (
        Index("ix_augmentation_runs_created_at", "created_at", "id"),
        Index("ix_augmentation_runs_dataset_created", "dataset_id", "created_at", "id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    dataset_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(Dataset.id, ondelete="SET NULL"))
    dataset_version_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey(DatasetVersion.id, ondelete="SET NULL"), index=True
    )
    dataset_label: Mapped[str]
    recipe_name: Mapped[str]
    recipe: Mapped[dict[str, object]] = mapped_column(JSONB)
    recipe_sha256: Mapped[str]
    seed: Mapped[int] = mapped_column(BigInteger)
    synthetic_target: Mapped[int]
    real_target: Mapped[int]
    splits: Mapped[list[str]] = mapped_column(ARRAY(Text))
    surroundings: Mapped[dict[str, list[dict[str, str | None]]]] = mapped_column(JSONB, server_default="{}")
    plan_job_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(Job.id, ondelete="SET NULL"), index=True)
    is_planned: Mapped[bool] = mapped_column(server_default=text("false"))
    cancelled_at: Mapped[dt.datetime | None]
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(User.id, ondelete="SET NULL"), index=True)
    created_by_name: Mapped[str]


class AugmentationProduct(Base):
    """What a run found of a product, wanted and made; kept when the product goes.

    Columns:
        reasons: why less was made than the targets ask for.
        sheet_key: of a contact sheet; a trigger throws it away with the product.
    """

    __tablename__ = "augmentation_products"
    __table_args__ = (
        Index("ix_augmentation_products_sheets", "product_id", postgresql_where=text("sheet_key IS NOT NULL")),
    )

    run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(AugmentationRun.id, ondelete="CASCADE"), primary_key=True)
    product_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    label: Mapped[str]
    split: Mapped[str]
    shard_number: Mapped[int | None]
    n_synthetic_before: Mapped[int] = mapped_column(server_default="0")
    n_real_before: Mapped[int] = mapped_column(server_default="0")
    n_synthetic_wanted: Mapped[int] = mapped_column(server_default="0")
    n_real_wanted: Mapped[int] = mapped_column(server_default="0")
    n_synthetic_made: Mapped[int] = mapped_column(server_default="0")
    n_real_made: Mapped[int] = mapped_column(server_default="0")
    reasons: Mapped[list[str]] = mapped_column(JSONB, server_default="[]")
    sheet_key: Mapped[str | None]


class AugmentationShard(Base):
    """A part of a run that one job does.

    Columns:
        sources: what of (AugmentSource); emptied when it is done.
        job_id: the newest job; None while it waits.
    """

    __tablename__ = "augmentation_shards"
    __table_args__ = (
        Index("ix_augmentation_shards_waiting", "run_id", "number", postgresql_where=text("job_id IS NULL")),
    )

    run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(AugmentationRun.id, ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    sources: Mapped[list[dict[str, object]]] = mapped_column(JSONB)
    n_wanted: Mapped[int]
    job_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(Job.id, ondelete="SET NULL"), index=True)
    is_done: Mapped[bool] = mapped_column(server_default=text("false"))


class ImageMatte(Base, CreatedAt):
    """A matte that augmentation has made for an image; a trigger throws its object away with the row."""

    __tablename__ = "image_mattes"

    image_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(ProductImage.id, ondelete="CASCADE"), primary_key=True)
    storage_key: Mapped[str]
    segmenter: Mapped[str]
