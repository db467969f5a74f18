"""Every query about what confidence is learned from."""

import datetime as dt
import uuid
from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Float, and_, func, or_, select, text
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import distinct_on, insert

from buybuddy.domain.matching.confidence.rules import Curve, Decided
from buybuddy.domain.matching.tables import MatchAudit, MatchDecision, MatchingCalibration, MatchSuggestion
from buybuddy.domain.photos.tables import Photo
from buybuddy.infra.db import Session

LEARNED_FROM = 20_000  # newest cards that were decided about
LOOKED_THROUGH = 100_000  # decisions, to find so many that say something of this encoder


class Calibration(NamedTuple):
    """The curve that serves, and whether a minute has gone since it was last looked at and people have decided."""

    curve: Curve
    is_due: bool


async def find_curve(session: Session, encoder_id: uuid.UUID) -> Curve:
    """Return what was learned of an encoder's similarities; the default curve before that."""
    row = await session.scalar(
        select(MatchingCalibration.curve).where(MatchingCalibration.encoder_id == encoder_id)
    )  # fmt: skip
    return Curve.model_validate(row) if row is not None else Curve()


async def find_calibration(session: Session, encoder_id: uuid.UUID, *, every: dt.timedelta) -> Calibration | None:
    """Return the curve that was learned and whether it is time to learn anew; None before the first time."""
    fitted_at = MatchingCalibration.fitted_at
    has_decided = select(MatchDecision.photo_id).where(MatchDecision.decided_at > fitted_at).exists()
    has_answered = select(MatchAudit.photo_id).where(MatchAudit.answered_at > fitted_at).exists()
    is_due = and_(fitted_at < func.clock_timestamp() - every, or_(has_decided, has_answered))
    statement = select(MatchingCalibration.curve, is_due).where(MatchingCalibration.encoder_id == encoder_id)
    row = (await session.execute(statement)).one_or_none()
    return None if row is None else Calibration(Curve.model_validate(row[0]), bool(row[1]))


async def newest_decisions(session: Session, encoder_id: uuid.UUID) -> list[Decided]:
    """Return what people have approved or rejected, by themselves or when they were asked about automatic approvals.

    Near-duplicates of one product are one observation, however many photos a card had: they were seen once. Where some
    were approved and others rejected it is a rejection, so that nothing looks surer than it was.
    """
    newest = (
        select(MatchDecision)
        .where(MatchDecision.decision != "skipped", MatchDecision.origin != "import")
        .order_by(MatchDecision.decided_at.desc(), MatchDecision.product_id.desc(), MatchDecision.photo_id.desc())
        .limit(LOOKED_THROUGH)
        .subquery()
    )
    audit = and_(MatchAudit.product_id == newest.c.product_id, MatchAudit.photo_id == newest.c.photo_id)
    is_right = newest.c.decision == "approved"
    cards = (
        select(newest.c.similarity, newest.c.margin, newest.c.tier, is_right.label("is_right"), newest.c.decided_at)
        .join(Photo, Photo.id == newest.c.photo_id)
        .outerjoin(MatchAudit, audit)
        .where(newest.c.encoder_id == encoder_id, newest.c.similarity.is_not(None))
        .where(or_(newest.c.origin == "person", MatchAudit.is_right.is_(True)))
        .ext(distinct_on(newest.c.product_id, Photo.group_id))
        .order_by(newest.c.product_id, Photo.group_id, is_right, newest.c.similarity.desc())
        .subquery()
    )
    statement = select(cards).order_by(cards.c.decided_at.desc()).limit(LEARNED_FROM)
    rows = await session.execute(statement)
    return [Decided(row.similarity, row.margin, row.tier != "similarity", row.is_right) for row in rows]


async def keep_curve(session: Session, encoder_id: uuid.UUID, curve: Curve) -> None:
    """Have a curve serve, and every product that has candidates counted anew by it."""
    values = {"curve": curve.model_dump(mode="json"), "n_decisions": curve.n_decisions}
    statement = insert(MatchingCalibration).values(encoder_id=encoder_id, **values)
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["encoder_id"], set_={**values, "fitted_at": func.clock_timestamp()}
        )
    )
    await session.execute(
        text(
            "INSERT INTO matching_changes (product_id)"
            " SELECT product_id FROM matching_queue WHERE expected_matches > 0 ORDER BY expected_matches DESC"
        )
    )


async def note_looked_at(session: Session, encoder_id: uuid.UUID) -> None:
    """Note that the curve was looked at and is still right."""
    await session.execute(
        text("UPDATE matching_calibrations SET fitted_at = clock_timestamp() WHERE encoder_id = :encoder"),
        {"encoder": encoder_id},
    )


async def best_of_others(
    session: Session, encoder_id: uuid.UUID, product_id: uuid.UUID, photo_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, float]:
    """Return how similar each photo is to the most similar of the other products that it was suggested for."""
    statement = (
        select(MatchSuggestion.photo_id, sql_cast(func.max(MatchSuggestion.similarity), Float))
        .where(MatchSuggestion.photo_id.in_(photo_ids), MatchSuggestion.encoder_id == encoder_id)
        .where(MatchSuggestion.product_id != product_id)
        .group_by(MatchSuggestion.photo_id)
    )
    return {row[0]: row[1] for row in await session.execute(statement)}
