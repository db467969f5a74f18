"""Published indexes of frozen datasets"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "embedding_indexes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", sa.Text(collation="C"), sa.Computed("fold_text(name)", persisted=True), nullable=False),
        sa.Column("encoder_id", sa.Uuid(), nullable=False),
        sa.Column("dataset_version_id", sa.Uuid(), nullable=True),
        sa.Column("dataset_label", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("dim", sa.Integer(), nullable=False),
        sa.Column("vector_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("product_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("n_left_out", sa.Integer(), server_default="0", nullable=False),
        sa.Column("left_out", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("recall_at_10", sa.Float(53), nullable=True),
        sa.Column("recall_at_50", sa.Float(53), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("facts", postgresql.JSONB(), nullable=True),
        sa.Column("storage_prefix", sa.String(), nullable=True),
        sa.Column("is_serving", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("previous_id", sa.Uuid(), nullable=True),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_by_name", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('auto','exact','ivf','hnsw')", name=op.f("ck_embedding_indexes_kind")),
        sa.CheckConstraint("status IN ('building','ready','failed')", name=op.f("ck_embedding_indexes_status")),
        sa.CheckConstraint(
            "status <> 'ready' OR num_nulls(facts, storage_prefix) = 0",
            name=op.f("ck_embedding_indexes_ready_is_built"),
        ),
        sa.CheckConstraint("NOT is_serving OR status = 'ready'", name=op.f("ck_embedding_indexes_serving_is_ready")),
        sa.ForeignKeyConstraint(
            ["encoder_id"], ["encoders.id"], name=op.f("fk_embedding_indexes_encoder_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["dataset_version_id"],
            ["dataset_versions.id"],
            name=op.f("fk_embedding_indexes_dataset_version_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["previous_id"],
            ["embedding_indexes.id"],
            name=op.f("fk_embedding_indexes_previous_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_embedding_indexes_created_by"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_embedding_indexes")),
    )
    op.create_index("uq_embedding_indexes_name_key", "embedding_indexes", ["name_key"], unique=True)
    op.create_index(
        "uq_embedding_indexes_serving",
        "embedding_indexes",
        ["is_serving"],
        unique=True,
        postgresql_where=sa.text("is_serving"),
    )
    op.create_index("ix_embedding_indexes_created_at", "embedding_indexes", ["created_at", "id"])
    for column in ("encoder_id", "dataset_version_id", "previous_id", "created_by"):
        op.create_index(op.f(f"ix_embedding_indexes_{column}"), "embedding_indexes", [column])


def downgrade() -> None:
    raise NotImplementedError("Older programs run on this schema as it is.")
