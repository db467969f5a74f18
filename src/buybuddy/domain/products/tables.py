"""Products with their barcodes and images."""

import uuid

from sqlalchemy import BigInteger, CheckConstraint, Computed, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.videos.tables import Video
from buybuddy.infra.db import Base, CreatedAt, EditedRow, new_id


class Product(Base, EditedRow):
    """A sellable item; triggers keep its counts of images and its `barcodes`, primary first (migration 0003)."""

    __tablename__ = "products"
    __table_args__ = (
        CheckConstraint("status IN ('pending','processing','needs_matching','ready','rejected')", name="status"),
        CheckConstraint("visibility_score BETWEEN 0 AND 100", name="visibility_score"),
        Index("ix_products_created_at", "created_at", "id"),
        Index("ix_products_updated_at", "updated_at", "id"),
        Index("ix_products_name_key", "name_key", "id"),
        Index("ix_products_brand_key", "brand_key", "id"),
        Index("ix_products_frame_count", "frame_count", "id"),
        Index("ix_products_status_created", "status", "created_at", "id"),
        Index("ix_products_status_name", "status", "name_key", "id"),
        Index("ix_products_status_brand", "status", "brand_key", "id"),
        Index("ix_products_status_updated", "status", "updated_at", "id"),
        Index("ix_products_status_frames", "status", "frame_count", "id"),
        Index("ix_products_category_created", "category", "created_at", "id"),
        Index("ix_products_status_category_created", "status", "category", "created_at", "id"),
        Index("ix_products_words", "words", postgresql_using="gin"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    video_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(Video.id, ondelete="SET NULL"), index=True)
    brand_name: Mapped[str | None]
    sub_brand: Mapped[str | None]
    product_name: Mapped[str | None]
    variant_flavor: Mapped[str | None]
    category: Mapped[str | None]
    container_type: Mapped[str | None]
    net_quantity: Mapped[str | None]
    manufacturer_country: Mapped[str | None]
    marketing_description: Mapped[str | None]
    nutrition_facts: Mapped[dict[str, object]] = mapped_column(JSONB, server_default="{}")
    claims: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    grounding_prompt: Mapped[str | None]
    visibility_score: Mapped[int | None]
    issues_detected: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    barcodes_seen: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    edited_fields: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    metadata_reader: Mapped[str | None]
    frame_count: Mapped[int] = mapped_column(server_default="0")
    real_count: Mapped[int] = mapped_column(server_default="0")
    augmented_count: Mapped[int] = mapped_column(server_default="0")
    barcodes: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    words: Mapped[str] = mapped_column(
        TSVECTOR,
        Computed("product_words(brand_name, sub_brand, product_name, variant_flavor)", persisted=True),
        deferred=True,
    )
    name_key: Mapped[str] = mapped_column(
        Text(collation="C"), Computed("sort_key(product_name)", persisted=True), deferred=True
    )
    brand_key: Mapped[str] = mapped_column(
        Text(collation="C"), Computed("sort_key(brand_name)", persisted=True), deferred=True
    )
    primary_image_id: Mapped[uuid.UUID | None]
    status: Mapped[str]


class ProductBarcode(Base, CreatedAt):
    __tablename__ = "product_barcodes"
    __table_args__ = (
        Index("uq_product_barcodes_primary", "product_id", unique=True, postgresql_where=text("is_primary")),
        Index("ix_product_barcodes_prefix", "barcode", postgresql_ops={"barcode": "text_pattern_ops"}),
    )

    barcode: Mapped[str] = mapped_column(primary_key=True)
    product_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"), index=True)
    is_primary: Mapped[bool]


class ProductImage(Base, CreatedAt):
    """A picture of a product, with where it came from: video and second, parent image and recipe, or photo.

    Columns:
        augmentation_step: the recipe's step that an augmented picture was made by; `photo` of a real one.
        augmentation_number: which of its parent's pictures it is; its bytes follow from that.
        photo_id: the photo of the pool that it is; the objects then are the photo's, and stay when the image goes.
    """

    __tablename__ = "product_images"
    __table_args__ = (
        CheckConstraint("image_type IN ('synthetic','real','augmented')", name="image_type"),
        CheckConstraint("source IN ('video_frame','matching','augmentation','upload')", name="source"),
        CheckConstraint("(source = 'matching') = (photo_id IS NOT NULL)", name="matched_has_photo"),
        Index("uq_product_images_frame", "video_id", "frame_index", unique=True),
        Index("uq_product_images_photo", "photo_id", unique=True, postgresql_where=text("photo_id IS NOT NULL")),
        Index(
            "uq_product_images_augmented",
            "parent_image_id",
            "augmentation_number",
            unique=True,
            postgresql_where=text("augmentation_number IS NOT NULL"),
        ),
        Index(
            "ix_product_images_augmentation_run_id",
            "augmentation_run_id",
            postgresql_where=text("augmentation_run_id IS NOT NULL"),
        ),
        Index("ix_product_images_product", "product_id", "image_type", "frame_index", "id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    product_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"))
    video_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(Video.id, ondelete="SET NULL"))
    parent_image_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("product_images.id", ondelete="SET NULL"), index=True
    )
    job_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(Job.id, ondelete="SET NULL"), index=True)
    photo_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("real_images.id", ondelete="CASCADE"))
    image_type: Mapped[str]
    source: Mapped[str]
    storage_key: Mapped[str] = mapped_column(unique=True)
    matte_key: Mapped[str | None]
    thumbnail_key: Mapped[str | None]
    frame_index: Mapped[int | None]
    video_time_s: Mapped[float | None]
    width_px: Mapped[int]
    height_px: Mapped[int]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]
    augmentation_run_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("augmentation_runs.id", ondelete="SET NULL")
    )
    augmentation_step: Mapped[str | None]
    augmentation_number: Mapped[int | None]
    quality: Mapped[dict[str, object] | None] = mapped_column(JSONB)
    producer: Mapped[str | None]


class SearchWord(Base):
    """A word that some product has, or had: where a word with a typing error finds its right spelling."""

    __tablename__ = "search_words"
    __table_args__ = (
        Index("ix_search_words_trgm", "word", postgresql_using="gin", postgresql_ops={"word": "gin_trgm_ops"}),
    )

    word: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
