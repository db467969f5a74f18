"""Datasets, their products and their frozen versions"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# How many products each dataset has, kept as in migration 0003: rows are only added, so nobody waits for a count.
TALLY_FUNCTION = """
CREATE FUNCTION tally_dataset_products() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO tallies (subject, facet, key, n)
        SELECT 'dataset_products', 'dataset', dataset_id::text, count(*) FROM added GROUP BY dataset_id;
    ELSE
        INSERT INTO tallies (subject, facet, key, n)
        SELECT 'dataset_products', 'dataset', dataset_id::text, -count(*) FROM removed GROUP BY dataset_id;
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    _add_datasets()
    _add_versions()
    op.execute(sa.text(TALLY_FUNCTION.replace(":", "\\:")))
    for event, rows in (("INSERT", "NEW TABLE AS added"), ("DELETE", "OLD TABLE AS removed")):
        op.execute(
            f"CREATE TRIGGER tally_{event.lower()} AFTER {event} ON dataset_products REFERENCING {rows}"
            " FOR EACH STATEMENT EXECUTE FUNCTION tally_dataset_products()"
        )
    # A new version's number is no edit: nobody's open form goes stale by it.
    op.execute(
        "CREATE TRIGGER touch BEFORE UPDATE OF name, description ON datasets FOR EACH ROW EXECUTE FUNCTION touch_row()"
    )


def _add_datasets() -> None:
    op.create_table(
        "datasets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", sa.Text(collation="C"), sa.Computed("fold_text(name)", persisted=True), nullable=False),
        sa.Column("description", sa.String(), server_default="", nullable=False),
        sa.Column("last_version_number", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_datasets"),
    )
    op.create_index("uq_datasets_name_key", "datasets", ["name_key"], unique=True)
    op.create_index("ix_datasets_created_at", "datasets", ["created_at", "id"])
    op.create_index("ix_datasets_updated_at", "datasets", ["updated_at", "id"])
    op.create_table(
        "dataset_products",
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name="fk_dataset_products_dataset_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name="fk_dataset_products_product_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("dataset_id", "product_id", name="pk_dataset_products"),
    )
    op.create_index("ix_dataset_products_product_id", "dataset_products", ["product_id"])
    op.create_index("ix_dataset_products_added", "dataset_products", ["dataset_id", "added_at", "product_id"])


def _add_versions() -> None:
    op.create_table(
        "dataset_versions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(), server_default="", nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_by_name", sa.String(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("train_ratio", sa.Float(53), nullable=False),
        sa.Column("val_ratio", sa.Float(53), nullable=False),
        sa.Column("test_ratio", sa.Float(53), nullable=False),
        sa.Column("manifest_key", sa.String(), nullable=False),
        sa.Column("manifest_sha256", sa.String(), nullable=False),
        sa.Column("content_sha256", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("n_products", sa.Integer(), nullable=False),
        sa.Column("n_images", sa.Integer(), nullable=False),
        sa.Column("counts", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name="fk_dataset_versions_dataset_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name="fk_dataset_versions_created_by", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_dataset_versions"),
    )
    op.create_index("uq_dataset_versions_number", "dataset_versions", ["dataset_id", "number"], unique=True)
    op.create_index("ix_dataset_versions_created_by", "dataset_versions", ["created_by"])


def downgrade() -> None:
    raise NotImplementedError("Older programs run on this schema as it is.")
