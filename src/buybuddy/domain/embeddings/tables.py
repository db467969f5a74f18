"""Published indexes."""

import datetime as dt
import uuid

from sqlalchemy import BigInteger, CheckConstraint, Computed, Float, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from buybuddy.domain.accounts.tables import User
from buybuddy.domain.datasets.tables import DatasetVersion
from buybuddy.domain.vectors.tables import Encoder
from buybuddy.infra.db import Base, CreatedAt, new_id


class EmbeddingIndex(Base, CreatedAt):
    """An index of the vectors that one encoder has made of the images in a frozen version.

    Columns:
        kind: what was asked for; once it is built, what it is.
        facts: what was built, files' hashes included (infra/vectors/facts.py).
        left_out: the first of `n_left_out` images that are not in it, with the reasons; no augmented ones.
        is_serving: the one that searches are answered from; at most one.
        previous_id: the one that a rollback goes back to from this one; none when that is the living vectors.
    """

    __tablename__ = "embedding_indexes"
    __table_args__ = (
        CheckConstraint("kind IN ('auto','exact','ivf','hnsw')", name="kind"),
        CheckConstraint("status IN ('building','ready','failed')", name="status"),
        CheckConstraint("status <> 'ready' OR num_nulls(facts, storage_prefix) = 0", name="ready_is_built"),
        CheckConstraint("NOT is_serving OR status = 'ready'", name="serving_is_ready"),
        Index("uq_embedding_indexes_name_key", "name_key", unique=True),
        Index("uq_embedding_indexes_serving", "is_serving", unique=True, postgresql_where=text("is_serving")),
        Index("ix_embedding_indexes_created_at", "created_at", "id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str]
    name_key: Mapped[str] = mapped_column(Text(collation="C"), Computed("fold_text(name)", persisted=True))
    encoder_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Encoder.id, ondelete="CASCADE"), index=True)
    dataset_version_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey(DatasetVersion.id, ondelete="SET NULL"), index=True
    )
    dataset_label: Mapped[str]
    kind: Mapped[str]
    status: Mapped[str]
    error: Mapped[str | None]
    dim: Mapped[int]
    vector_count: Mapped[int] = mapped_column(server_default="0")
    product_count: Mapped[int] = mapped_column(server_default="0")
    n_left_out: Mapped[int] = mapped_column(server_default="0")
    left_out: Mapped[list[dict[str, str]]] = mapped_column(JSONB, server_default="[]")
    recall_at_10: Mapped[float | None] = mapped_column(Float(53))
    recall_at_50: Mapped[float | None] = mapped_column(Float(53))
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    facts: Mapped[dict[str, object] | None] = mapped_column(JSONB)
    storage_prefix: Mapped[str | None]
    is_serving: Mapped[bool] = mapped_column(server_default=text("false"))
    previous_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("embedding_indexes.id", ondelete="SET NULL"), index=True
    )
    activated_at: Mapped[dt.datetime | None]
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(User.id, ondelete="SET NULL"), index=True)
    created_by_name: Mapped[str]
