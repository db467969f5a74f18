"""Locks, who is where, notifications"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

RESOURCE_TYPES = "'product','dataset','matching'"


def upgrade() -> None:
    # Tokens are never given twice, not even for a resource whose lock was forgotten.
    op.execute(sa.text("CREATE SEQUENCE resource_lock_tokens AS bigint"))
    _add_locks()
    _add_presence()
    _add_notifications()


def _holder() -> tuple[sa.schema.SchemaItem, ...]:
    """Return what says whose row it is; it outlives its session or key, and then counts as nobody's."""
    return (
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("key_id", sa.Uuid(), nullable=True),
        sa.Column("tab_id", sa.String(), nullable=False),
    )


def _holder_keys(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f(f"fk_{table}_user_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name=op.f(f"fk_{table}_session_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name=op.f(f"fk_{table}_key_id"), ondelete="SET NULL"),
    )


def _index_holders(table: str, *columns: str) -> None:
    for column in columns:
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])


def _add_locks() -> None:
    op.create_table(
        "resource_locks",
        sa.Column("resource_type", sa.String(), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        *_holder(),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("acquired_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(f"resource_type IN ({RESOURCE_TYPES})", name=op.f("ck_resource_locks_resource_type")),
        *_holder_keys("resource_locks"),
        sa.PrimaryKeyConstraint("resource_type", "resource_id", name=op.f("pk_resource_locks")),
    )
    _index_holders("resource_locks", "user_id", "session_id", "key_id", "expires_at")


def _add_presence() -> None:
    # Unlogged: after a crash of the server everybody is back with their next heartbeat.
    op.create_table(
        "user_presence",
        *_holder(),
        sa.Column("page", sa.String(), nullable=False),
        sa.Column("resource_type", sa.String(), nullable=True),
        sa.Column("resource_id", sa.Uuid(), nullable=True),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(resource_type IS NULL) = (resource_id IS NULL)", name=op.f("ck_user_presence_whole_resource")
        ),
        *_holder_keys("user_presence"),
        sa.PrimaryKeyConstraint("user_id", "tab_id", name=op.f("pk_user_presence")),
        prefixes=["UNLOGGED"],
    )
    op.create_index("ix_user_presence_resource", "user_presence", ["resource_id", "resource_type"])
    _index_holders("user_presence", "page", "session_id", "key_id", "last_seen_at")


def _add_notifications() -> None:
    op.create_table(
        "notifications",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("params", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("subject_kind", sa.String(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("subject_label", sa.String(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_notifications_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
    )
    op.create_index("ix_notifications_newest", "notifications", ["user_id", "created_at", "id"])
    op.create_index(
        "ix_notifications_unread",
        "notifications",
        ["user_id", "created_at", "id"],
        postgresql_where=sa.text("read_at IS NULL"),
    )
    op.create_index(op.f("ix_notifications_created_at"), "notifications", ["created_at"])


def downgrade() -> None:
    raise NotImplementedError("Older programs run on this schema as it is.")
