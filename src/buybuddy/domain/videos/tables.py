"""Videos: where they came from, what they are, how far they are."""

import datetime as dt
import uuid

from sqlalchemy import BigInteger, CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from buybuddy.infra.db import Base, EditedRow, new_id


class Video(Base, EditedRow):
    """`product_id` is set by the products step; it is no foreign key here because videos know no products."""

    __tablename__ = "videos"
    __table_args__ = (
        CheckConstraint("status IN ('pending','processing','completed','failed')", name="status"),
        Index("uq_videos_source_external_id", "source", "external_id", unique=True),
        Index("uq_videos_sha256", "sha256", unique=True),
        Index("ix_videos_status_created", "status", text("created_at DESC"), text("id DESC")),
        Index("ix_videos_created_at", text("created_at DESC"), text("id DESC")),
        Index("ix_videos_product", "product_id"),
        Index("ix_videos_barcode", "barcode"),
        Index(
            "ix_videos_filename_trgm",
            "filename",
            postgresql_using="gin",
            postgresql_ops={"filename": "gin_trgm_ops"},
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    source: Mapped[str]
    external_id: Mapped[int | None] = mapped_column(BigInteger)
    filename: Mapped[str]
    storage_key: Mapped[str]
    barcode: Mapped[str | None]
    status: Mapped[str]
    product_id: Mapped[uuid.UUID | None]
    duration_s: Mapped[float | None]
    width_px: Mapped[int | None]
    height_px: Mapped[int | None]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]
    poster_key: Mapped[str | None]
    error: Mapped[str | None]
    completed_at: Mapped[dt.datetime | None]
