"""Work on many products at once: batch jobs, what they are to do and did, imports with their rows"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

JOB_TYPES = "'video_processing','augmentation','training','embedding_extraction','matching','catalogue_change'"


def upgrade() -> None:
    op.drop_constraint(op.f("ck_jobs_type"), "jobs", type_="check")
    op.create_check_constraint(op.f("ck_jobs_type"), "jobs", f"type IN ({JOB_TYPES})")
    op.execute("INSERT INTO job_limits (type, max_concurrent) VALUES ('catalogue_change', 2)")
    op.add_column("jobs", sa.Column("checkpoint", postgresql.JSONB()))
    _add_bulk_tables()
    _add_import_tables()


def _created() -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("created_by", sa.Uuid()),
        sa.Column("created_by_name", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    )


def _add_bulk_tables() -> None:
    op.create_table(
        "bulk_operations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("changes", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("n_items", sa.Integer(), server_default="0", nullable=False),
        sa.Column("undo_of", sa.Uuid()),
        sa.Column("idempotency_key", sa.String()),
        *_created(),
        sa.CheckConstraint("action IN ('delete','edit')", name=op.f("ck_bulk_operations_action")),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_bulk_operations_created_by"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["undo_of"], ["bulk_operations.id"], name=op.f("fk_bulk_operations_undo_of"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_operations")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_bulk_operations_idempotency_key")),
    )
    op.create_index("ix_bulk_operations_created_at", "bulk_operations", ["created_at"])
    op.create_index(op.f("ix_bulk_operations_undo_of"), "bulk_operations", ["undo_of"])
    op.create_table(
        "bulk_items",
        sa.Column("bulk_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer()),
        sa.Column("changes", postgresql.JSONB()),
        sa.Column("before", postgresql.JSONB()),
        sa.Column("version_after", sa.Integer()),
        sa.Column("label", sa.String()),
        sa.Column("failure", sa.String()),
        sa.ForeignKeyConstraint(
            ["bulk_id"], ["bulk_operations.id"], name=op.f("fk_bulk_items_bulk_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("bulk_id", "product_id", name=op.f("pk_bulk_items")),
    )
    op.create_index(
        "ix_bulk_items_failed",
        "bulk_items",
        ["bulk_id", "product_id"],
        postgresql_where=sa.text("failure IS NOT NULL"),
    )


def _add_import_tables() -> None:
    op.create_table(
        "product_imports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("storage_key", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("recognised", postgresql.JSONB(), nullable=False),
        sa.Column("ignored", postgresql.JSONB(), nullable=False),
        *(
            sa.Column(f"n_{kind}", sa.Integer(), server_default="0", nullable=False)
            for kind in ("create", "update", "unchanged", "error")
        ),
        *_created(),
        sa.CheckConstraint(
            "mode IN ('create_and_update','update_only','create_only')", name=op.f("ck_product_imports_mode")
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_product_imports_created_by"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product_imports")),
    )
    op.create_index("ix_product_imports_created_at", "product_imports", ["created_at"])
    op.create_table(
        "product_import_rows",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("row_no", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("product_id", sa.Uuid()),
        sa.Column("version", sa.Integer()),
        sa.Column("before", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("changes", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("barcodes", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("errors", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("outcome", sa.String()),
        sa.Column("reason", sa.String()),
        sa.CheckConstraint("kind IN ('create','update','unchanged','error')", name=op.f("ck_product_import_rows_kind")),
        sa.CheckConstraint("outcome IN ('applied','conflict')", name=op.f("ck_product_import_rows_outcome")),
        sa.ForeignKeyConstraint(
            ["import_id"], ["product_imports.id"], name=op.f("fk_product_import_rows_import_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("import_id", "row_no", name=op.f("pk_product_import_rows")),
    )
    op.create_index("ix_product_import_rows_kind", "product_import_rows", ["import_id", "kind", "row_no"])


def downgrade() -> None:
    raise NotImplementedError("Older programs run on this schema as it is.")
