"""What people, or the platform by their leave, have decided about pairs of a product and a photo."""

import datetime as dt
import uuid

from sqlalchemy import BigInteger, CheckConstraint, Float, ForeignKey, Identity, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from buybuddy.domain.accounts.tables import User
from buybuddy.domain.photos.tables import Photo
from buybuddy.domain.products.tables import Product
from buybuddy.domain.vectors.tables import Encoder
from buybuddy.infra.db import Base


class MatchDecision(Base):
    """The present decision about a pair; undoing removes the row, and the audit trail keeps that it was there.

    Columns:
        similarity: of the photo and the product's most similar image, in [-1, 1]; None without vectors.
        margin: how much more similar the photo is to this product than to any other that was suggested for it.
        tier: what spoke for the pair.
        origin: who decided: a person, the platform above its precision target, or the manifest of an import.
    """

    __tablename__ = "match_decisions"
    __table_args__ = (
        CheckConstraint("decision IN ('approved','rejected','skipped')", name="decision"),
        CheckConstraint("tier IN ('both','barcode','similarity')", name="tier"),
        CheckConstraint("origin IN ('person','automatic','import')", name="origin"),
        Index("ix_match_decisions_photo", "photo_id"),
        Index("uq_match_decisions_approved", "photo_id", unique=True, postgresql_where=text("decision = 'approved'")),
        Index(
            "ix_match_decisions_people",
            "decided_at",
            "product_id",
            "photo_id",
            postgresql_where=text("origin = 'person'"),
        ),
        Index("ix_match_decisions_user", "user_id", "decided_at"),
    )

    product_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Product.id, ondelete="CASCADE"), primary_key=True)
    photo_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Photo.id, ondelete="CASCADE"), primary_key=True)
    decision: Mapped[str]
    similarity: Mapped[float | None] = mapped_column(Float(53))
    margin: Mapped[float | None] = mapped_column(Float(53))
    tier: Mapped[str]
    origin: Mapped[str] = mapped_column(server_default="person")
    encoder_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(Encoder.id, ondelete="SET NULL"))
    user_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(User.id, ondelete="SET NULL"))
    user_name: Mapped[str]
    decided_at: Mapped[dt.datetime] = mapped_column(server_default=func.clock_timestamp())


class MatchSuggestion(Base):
    """A product that a photo may show, found when either of them was embedded: what the queue is counted from."""

    __tablename__ = "match_suggestions"
    __table_args__ = (Index("ix_match_suggestions_product", "product_id", "similarity"),)

    photo_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Photo.id, ondelete="CASCADE"), primary_key=True)
    product_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Product.id, ondelete="CASCADE"), primary_key=True)
    encoder_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Encoder.id, ondelete="CASCADE"))
    similarity: Mapped[float] = mapped_column(Float(53))


class MatchingQueueRow(Base):
    """What matching a product would bring, as it was last counted; each product that needs matching has one.

    Columns:
        status: the product's; the list is read in the order of its index, without a look at the products.
        n_candidates: cards above the threshold that nobody has decided about; tallies add them up by status.
        expected_matches: the sum of their confidences, one for each card.
    """

    __tablename__ = "matching_queue"
    __table_args__ = (
        Index("ix_matching_queue_gain", "status", "expected_matches", "product_id"),
        Index("ix_matching_queue_counted", "counted_at", postgresql_where=text("expected_matches > 0")),
    )

    product_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Product.id, ondelete="CASCADE"), primary_key=True)
    status: Mapped[str]
    n_candidates: Mapped[int]
    expected_matches: Mapped[float] = mapped_column(Float(53))
    best_similarity: Mapped[float | None] = mapped_column(Float(53))
    counted_at: Mapped[dt.datetime] = mapped_column(server_default=func.clock_timestamp())


class MatchingChange(Base):
    """A product whose row in the queue is to be counted anew: written by triggers, never updated, taken by a sweep."""

    __tablename__ = "matching_changes"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    product_id: Mapped[uuid.UUID]


class MatchingCalibration(Base):
    """How sure a similarity makes us, by what people have decided about pairs that this encoder found.

    Columns:
        curve: confidence/rules.py has its fields.
        n_decisions: that it was fitted to.
        fitted_at: rows of the queue that were counted before are to be counted anew.
        looked_at: when it was last seen to be still right.
    """

    __tablename__ = "matching_calibrations"

    encoder_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Encoder.id, ondelete="CASCADE"), primary_key=True)
    curve: Mapped[dict[str, object]] = mapped_column(JSONB)
    n_decisions: Mapped[int]
    fitted_at: Mapped[dt.datetime] = mapped_column(server_default=func.clock_timestamp())
    looked_at: Mapped[dt.datetime] = mapped_column(server_default=func.clock_timestamp())


class MatchAudit(Base):
    """An automatic approval that was drawn for a person to look at, and what they said.

    One that a person takes back unasked gets a row that says it was wrong, whose `user_id` is empty (migration 0012).
    """

    __tablename__ = "match_audits"
    __table_args__ = (
        Index("ix_match_audits_open", "drawn_at", "product_id", "photo_id", postgresql_where=text("is_right IS NULL")),
        Index("ix_match_audits_answered", "answered_at", postgresql_where=text("is_right IS NOT NULL")),
    )

    product_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Product.id, ondelete="CASCADE"), primary_key=True)
    photo_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Photo.id, ondelete="CASCADE"), primary_key=True, index=True)
    is_right: Mapped[bool | None]
    user_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(User.id, ondelete="SET NULL"))
    drawn_at: Mapped[dt.datetime] = mapped_column(server_default=func.clock_timestamp())
    answered_at: Mapped[dt.datetime | None]


class ApprovalWish(Base):
    """That there may be something to approve automatically: added by whatever finds so, taken by the sweep.

    Columns:
        last_change_id: the newest of matching_changes at that moment; once that is counted the queue knows of it.
    """

    __tablename__ = "approval_wishes"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    last_change_id: Mapped[int] = mapped_column(BigInteger)


class MatchingSettings(Base):
    """One row: how matching works here.

    Columns:
        ready_after: approved photos after which a product counts as ready.
        precision_target: of automatic approvals.
        audit_share: of automatic approvals that people are asked to look at.
        automatic_since: when they were last switched on; older audits say nothing about them.
        suggested_encoder_id: whose suggestions there are; another one that serves has them made anew.
    """

    __tablename__ = "matching_settings"
    __table_args__ = (
        CheckConstraint("id = 1", name="one_row"),
        CheckConstraint("ready_after BETWEEN 1 AND 1000", name="ready_after"),
        CheckConstraint("precision_target BETWEEN 0.5 AND 0.9997", name="precision_target"),
        CheckConstraint("audit_share BETWEEN 0.01 AND 1", name="audit_share"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, server_default="1")
    ready_after: Mapped[int] = mapped_column(server_default="3")
    is_automatic: Mapped[bool] = mapped_column(server_default=text("false"))
    precision_target: Mapped[float] = mapped_column(Float(53), server_default="0.99")
    audit_share: Mapped[float] = mapped_column(Float(53), server_default="0.1")
    automatic_since: Mapped[dt.datetime | None]
    suggested_encoder_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(Encoder.id, ondelete="SET NULL"))


class ReadyChange(Base):
    """That another number of real images makes a product ready, until the sweep has been through every product.

    Columns:
        done_up_to: the last product that was looked at, in the order of their ids.
    """

    __tablename__ = "ready_changes"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    ready_before: Mapped[int]
    ready_after: Mapped[int]
    done_up_to: Mapped[uuid.UUID] = mapped_column(server_default=str(uuid.UUID(int=0)))
