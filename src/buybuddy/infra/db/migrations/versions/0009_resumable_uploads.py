"""Uploads that go on where they broke off"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "video_uploads",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("barcode", sa.String(), nullable=True),
        sa.Column("upload_metadata", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("offset_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("parts", postgresql.ARRAY(sa.String()), server_default="{}", nullable=False),
        sa.Column("writer", sa.Uuid(), nullable=True),
        sa.Column("writer_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("video_id", sa.Uuid(), nullable=True),
        sa.Column("rejected_reason", sa.String(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("offset_bytes BETWEEN 0 AND size_bytes", name=op.f("ck_video_uploads_offset")),
        sa.CheckConstraint(
            "(offset_bytes = size_bytes) = (num_nonnulls(video_id, rejected_reason) = 1)",
            name=op.f("ck_video_uploads_whole_has_an_end"),
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_video_uploads_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_video_uploads")),
    )
    op.create_index(op.f("ix_video_uploads_user_id"), "video_uploads", ["user_id"])
    op.create_index(op.f("ix_video_uploads_expires_at"), "video_uploads", ["expires_at"])


def downgrade() -> None:
    raise NotImplementedError("Older programs run on this schema as it is.")
