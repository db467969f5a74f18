"""Videos: where they came from, what they are, how far they are."""

import datetime as dt
import uuid

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from buybuddy.domain.accounts.tables import User
from buybuddy.infra.db import Base, CreatedAt, EditedRow, new_id


class Video(Base, EditedRow):
    """`product_id` is set by the products step; it is no foreign key here because videos know no products."""

    __tablename__ = "videos"
    __table_args__ = (
        CheckConstraint("status IN ('pending','processing','completed','failed')", name="status"),
        Index("uq_videos_source_external_id", "source", "external_id", unique=True),
        Index("uq_videos_sha256", "sha256", unique=True),
        Index("ix_videos_status_created", "status", "created_at", "id"),
        Index("ix_videos_created_at", "created_at", "id"),
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


class VideoUpload(Base, CreatedAt):
    """A video on its way in; its bytes up to `offset_bytes` lie in `parts`, objects named after where they begin.

    The last byte counts in the transaction that says what became of the file (the second check). `writer` is the
    request that may add to it, for as long as it renews `writer_until`.
    """

    __tablename__ = "video_uploads"
    __table_args__ = (
        CheckConstraint("offset_bytes BETWEEN 0 AND size_bytes", name="offset"),
        CheckConstraint(
            "(offset_bytes = size_bytes) = (num_nonnulls(video_id, rejected_reason) = 1)", name="whole_has_an_end"
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"), index=True)
    filename: Mapped[str]
    barcode: Mapped[str | None]
    upload_metadata: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    offset_bytes: Mapped[int] = mapped_column(BigInteger, server_default="0")
    parts: Mapped[list[str]] = mapped_column(ARRAY(String), server_default="{}")
    writer: Mapped[uuid.UUID | None]
    writer_until: Mapped[dt.datetime | None]
    video_id: Mapped[uuid.UUID | None]
    rejected_reason: Mapped[str | None]
    expires_at: Mapped[dt.datetime] = mapped_column(index=True)
