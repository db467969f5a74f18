"""Imports and the rows of their files, each as it was previewed and what became of it."""

import uuid

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from buybuddy.domain.accounts.tables import User
from buybuddy.infra.db import Base, CreatedAt, new_id


class ProductImport(Base, CreatedAt):
    __tablename__ = "product_imports"
    __table_args__ = (
        CheckConstraint("mode IN ('create_and_update','update_only','create_only')", name="mode"),
        Index("ix_product_imports_created_at", "created_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    filename: Mapped[str]
    storage_key: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    mode: Mapped[str]
    recognised: Mapped[list[str]] = mapped_column(JSONB)
    ignored: Mapped[list[str]] = mapped_column(JSONB)
    n_create: Mapped[int] = mapped_column(server_default="0")
    n_update: Mapped[int] = mapped_column(server_default="0")
    n_unchanged: Mapped[int] = mapped_column(server_default="0")
    n_error: Mapped[int] = mapped_column(server_default="0")
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(User.id, ondelete="SET NULL"))
    created_by_name: Mapped[str]


class ProductImportRow(Base):
    """A row of a file: what it would do to which product, at which version; `barcodes` are those it adds."""

    __tablename__ = "product_import_rows"
    __table_args__ = (
        CheckConstraint("kind IN ('create','update','unchanged','error')", name="kind"),
        CheckConstraint("outcome IN ('applied','conflict')", name="outcome"),
        Index("ix_product_import_rows_kind", "import_id", "kind", "row_no"),
    )

    import_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("product_imports.id", ondelete="CASCADE"), primary_key=True)
    row_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str]
    label: Mapped[str]
    product_id: Mapped[uuid.UUID | None]
    version: Mapped[int | None]
    before: Mapped[dict[str, object]] = mapped_column(JSONB, server_default="{}")
    changes: Mapped[dict[str, object]] = mapped_column(JSONB, server_default="{}")
    barcodes: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    errors: Mapped[list[dict[str, object]]] = mapped_column(JSONB, server_default="[]")
    outcome: Mapped[str | None]
    reason: Mapped[str | None]
