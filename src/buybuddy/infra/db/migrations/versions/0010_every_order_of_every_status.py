"""Indexes for a status in every order, and for the trash, which may hold millions of notes"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

SORT_KEYS = {"name": "name_key", "brand": "brand_key", "updated": "updated_at", "frames": "frame_count"}


def upgrade() -> None:
    for name, column in SORT_KEYS.items():
        op.create_index(f"ix_products_status_{name}", "products", ["status", column, "id"])
    op.create_index("ix_object_trash_due_at", "object_trash", ["due_at"])
    op.create_index("ix_object_trash_key_or_prefix", "object_trash", ["key_or_prefix"])


def downgrade() -> None:
    raise NotImplementedError("Older programs run on this schema as it is.")
