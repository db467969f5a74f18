"""Which worker runs an attempt, and when thrown-away objects are to go"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("worker_no", sa.Integer(), nullable=True))
    due_at = sa.Column(
        "due_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
    )
    op.add_column("object_trash", due_at)


def downgrade() -> None:
    op.drop_column("object_trash", "due_at")
    op.drop_column("jobs", "worker_no")
