"""Recipes, backgrounds, runs of augmentation, and where an augmented picture comes from"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def _created_at() -> sa.Column[object]:
    return sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)


def upgrade() -> None:
    _create_recipes()
    _create_backgrounds()
    _create_runs()
    _extend_images()
    _create_mattes()


def _create_recipes() -> None:
    op.create_table(
        "recipes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", sa.Text(collation="C"), sa.Computed("fold_text(name)", persisted=True), nullable=False),
        sa.Column("body", postgresql.JSONB(), nullable=False),
        _created_at(),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recipes")),
    )
    op.create_index("uq_recipes_name_key", "recipes", ["name_key"], unique=True)
    op.execute("CREATE TRIGGER touch BEFORE UPDATE ON recipes FOR EACH ROW EXECUTE FUNCTION touch_row()")


def _create_backgrounds() -> None:
    op.create_table(
        "backgrounds",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("storage_key", sa.String(), nullable=False),
        sa.Column("thumbnail_key", sa.String(), nullable=False),
        sa.Column("width_px", sa.Integer(), nullable=False),
        sa.Column("height_px", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        _created_at(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backgrounds")),
    )
    op.create_index("uq_backgrounds_sha256", "backgrounds", ["sha256"], unique=True)
    op.create_index("ix_backgrounds_created_at", "backgrounds", ["created_at", "id"])


def _create_runs() -> None:
    op.create_table(
        "augmentation_runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("dataset_id", sa.Uuid(), nullable=True),
        sa.Column("dataset_version_id", sa.Uuid(), nullable=True),
        sa.Column("dataset_label", sa.String(), nullable=False),
        sa.Column("recipe_name", sa.String(), nullable=False),
        sa.Column("recipe", postgresql.JSONB(), nullable=False),
        sa.Column("recipe_sha256", sa.String(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("synthetic_target", sa.Integer(), nullable=False),
        sa.Column("real_target", sa.Integer(), nullable=False),
        sa.Column("splits", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("surroundings", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("plan_job_id", sa.Uuid(), nullable=True),
        sa.Column("is_planned", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_by_name", sa.String(), nullable=False),
        _created_at(),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_augmentation_runs_dataset_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["dataset_version_id"],
            ["dataset_versions.id"],
            name=op.f("fk_augmentation_runs_dataset_version_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["plan_job_id"], ["jobs.id"], name=op.f("fk_augmentation_runs_plan_job_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_augmentation_runs_created_by"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_augmentation_runs")),
    )
    op.create_index("ix_augmentation_runs_created_at", "augmentation_runs", ["created_at", "id"])
    op.create_index("ix_augmentation_runs_dataset_created", "augmentation_runs", ["dataset_id", "created_at", "id"])
    for column in ("dataset_version_id", "plan_job_id", "created_by"):
        op.create_index(op.f(f"ix_augmentation_runs_{column}"), "augmentation_runs", [column])
    op.create_table(
        "augmentation_products",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("split", sa.String(), nullable=False),
        sa.Column("shard_number", sa.Integer(), nullable=True),
        *(
            sa.Column(name, sa.Integer(), server_default="0", nullable=False)
            for name in (
                "n_synthetic_before",
                "n_real_before",
                "n_synthetic_wanted",
                "n_real_wanted",
                "n_synthetic_made",
                "n_real_made",
            )
        ),
        sa.Column("reasons", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("sheet_key", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"], ["augmentation_runs.id"], name=op.f("fk_augmentation_products_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "product_id", name=op.f("pk_augmentation_products")),
    )
    op.create_index(
        "ix_augmentation_products_sheets",
        "augmentation_products",
        ["product_id"],
        postgresql_where=sa.text("sheet_key IS NOT NULL"),
    )
    # A contact sheet shows the product: it goes with it, while the report keeps what was made.
    op.execute(
        """
CREATE FUNCTION throw_away_sheets() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO object_trash (key_or_prefix) SELECT a.sheet_key FROM augmentation_products a
        JOIN removed r ON r.id = a.product_id WHERE a.sheet_key IS NOT NULL;
    UPDATE augmentation_products a SET sheet_key = NULL FROM removed r
        WHERE a.product_id = r.id AND a.sheet_key IS NOT NULL;
    RETURN NULL;
END $$
"""
    )
    op.execute(
        "CREATE TRIGGER throw_away_sheets AFTER DELETE ON products REFERENCING OLD TABLE AS removed"
        " FOR EACH STATEMENT EXECUTE FUNCTION throw_away_sheets()"
    )
    op.create_table(
        "augmentation_shards",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("sources", postgresql.JSONB(), nullable=False),
        sa.Column("n_wanted", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("is_done", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["augmentation_runs.id"], name=op.f("fk_augmentation_shards_run_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_augmentation_shards_job_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("run_id", "number", name=op.f("pk_augmentation_shards")),
    )
    op.create_index("ix_augmentation_shards_job_id", "augmentation_shards", ["job_id"])
    op.create_index(
        "ix_augmentation_shards_waiting",
        "augmentation_shards",
        ["run_id", "number"],
        postgresql_where=sa.text("job_id IS NULL"),
    )


def _extend_images() -> None:
    op.add_column("product_images", sa.Column("augmentation_run_id", sa.Uuid(), nullable=True))
    op.add_column("product_images", sa.Column("augmentation_step", sa.String(), nullable=True))
    op.add_column("product_images", sa.Column("augmentation_number", sa.Integer(), nullable=True))
    op.create_foreign_key(
        op.f("fk_product_images_augmentation_run_id"),
        "product_images",
        "augmentation_runs",
        ["augmentation_run_id"],
        ["id"],
        ondelete="SET NULL",
    )
    op.create_index(
        "ix_product_images_augmentation_run_id",
        "product_images",
        ["augmentation_run_id"],
        postgresql_where=sa.text("augmentation_run_id IS NOT NULL"),
    )
    # A second attempt, or a second run at the same time, cannot make a picture twice.
    op.create_index(
        "uq_product_images_augmented",
        "product_images",
        ["parent_image_id", "augmentation_number"],
        unique=True,
        postgresql_where=sa.text("augmentation_number IS NOT NULL"),
    )


def _create_mattes() -> None:
    op.create_table(
        "image_mattes",
        sa.Column("image_id", sa.Uuid(), nullable=False),
        sa.Column("storage_key", sa.String(), nullable=False),
        sa.Column("segmenter", sa.String(), nullable=False),
        _created_at(),
        sa.ForeignKeyConstraint(
            ["image_id"], ["product_images.id"], name=op.f("fk_image_mattes_image_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("image_id", name=op.f("pk_image_mattes")),
    )
    # Images are removed in several ways; whichever it was, their mattes' objects go with them.
    op.execute(
        """
CREATE FUNCTION throw_away_mattes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO object_trash (key_or_prefix) SELECT storage_key FROM removed;
    RETURN NULL;
END $$
"""
    )
    op.execute(
        "CREATE TRIGGER throw_away AFTER DELETE ON image_mattes REFERENCING OLD TABLE AS removed"
        " FOR EACH STATEMENT EXECUTE FUNCTION throw_away_mattes()"
    )


def downgrade() -> None:
    raise NotImplementedError("Older programs run on this schema as it is.")
