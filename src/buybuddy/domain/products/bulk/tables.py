"""What is to be done to many products, and what was done: noted row by row, so that it can be resumed and undone."""

import uuid

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from buybuddy.domain.accounts.tables import User
from buybuddy.infra.db import Base, CreatedAt, new_id


class BulkOperation(Base, CreatedAt):
    """One action on many products; its id is that of its first job, if it needs one."""

    __tablename__ = "bulk_operations"
    __table_args__ = (
        CheckConstraint("action IN ('delete','edit')", name="action"),
        Index("ix_bulk_operations_created_at", "created_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    action: Mapped[str]
    changes: Mapped[dict[str, object]] = mapped_column(JSONB, server_default="{}")
    n_items: Mapped[int] = mapped_column(server_default="0")
    undo_of: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("bulk_operations.id", ondelete="SET NULL"), index=True)
    idempotency_key: Mapped[str | None] = mapped_column(unique=True)
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(User.id, ondelete="SET NULL"))
    created_by_name: Mapped[str]


class BulkItem(Base):
    """One product of an operation: chosen when the operation was asked for, whatever it becomes later.

    `version`, where there is one, is what the product must still have. `changes` are its own where they differ from
    the operation's. `before` and `version_after` say what an edit found and left; without them nothing was written.
    """

    __tablename__ = "bulk_items"
    __table_args__ = (
        Index("ix_bulk_items_failed", "bulk_id", "product_id", postgresql_where=text("failure IS NOT NULL")),
    )

    bulk_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bulk_operations.id", ondelete="CASCADE"), primary_key=True)
    product_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    version: Mapped[int | None]
    changes: Mapped[dict[str, object] | None] = mapped_column(JSONB)
    before: Mapped[dict[str, object] | None] = mapped_column(JSONB)
    version_after: Mapped[int | None]
    label: Mapped[str | None]
    failure: Mapped[str | None]
