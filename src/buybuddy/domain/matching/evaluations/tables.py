"""Evaluations of matching, and the rows of their truths."""

import uuid

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from buybuddy.domain.accounts.tables import User
from buybuddy.domain.vectors.tables import Encoder
from buybuddy.infra.db import Base, CreatedAt, new_id


class MatchEvaluation(Base, CreatedAt):
    """One truth, measured with the vectors of one encoder.

    Columns:
        category: only products of it, and photos of them, take part; None for all.
        n_outside: rows of the truth whose product is of another category.
        result: the figures, as EvaluateMatchingResult has them; None until they are counted.
    """

    __tablename__ = "match_evaluations"
    __table_args__ = (Index("ix_match_evaluations_created_at", "created_at"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    encoder_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Encoder.id, ondelete="CASCADE"), index=True)
    category: Mapped[str | None]
    n_rows: Mapped[int]
    n_outside: Mapped[int] = mapped_column(server_default="0")
    n_left_out: Mapped[int] = mapped_column(server_default="0")
    result: Mapped[dict[str, object] | None] = mapped_column(JSONB)
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(User.id, ondelete="SET NULL"), index=True)
    created_by_name: Mapped[str]


class MatchEvaluationRow(Base):
    """A row of a truth: which photo shows which product, or why it takes no part.

    The ids are no foreign keys: a photo or product that is removed meanwhile is left out.
    """

    __tablename__ = "match_evaluation_rows"
    __table_args__ = (
        Index("ix_match_evaluation_rows_photo", "evaluation_id", "photo_id"),
        Index("ix_match_evaluation_rows_out", "evaluation_id", "row_no", postgresql_where=text("reason IS NOT NULL")),
    )

    evaluation_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey(MatchEvaluation.id, ondelete="CASCADE"), primary_key=True
    )
    row_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    path: Mapped[str]
    barcode: Mapped[str]
    photo_id: Mapped[uuid.UUID | None]
    product_id: Mapped[uuid.UUID | None]
    reason: Mapped[str | None]
