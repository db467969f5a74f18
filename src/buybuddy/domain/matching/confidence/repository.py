"""Every query about what confidence is learned from."""

import datetime as dt
import uuid
from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Float, and_, func, or_, select, text
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import insert

from buybuddy.domain.matching.confidence.rules import LEARNED_FROM, Curve, Decided
from buybuddy.domain.matching.tables import MatchAudit, MatchDecision, MatchingCalibration, MatchSuggestion
from buybuddy.infra.db import Session
from buybuddy.infra.db.arrays import is_one_of

LOOKED_THROUGH = 100_000  # decisions, to find LEARNED_FROM cards that say something of this encoder
_TRY_KEEPING_STILL = text("SELECT pg_try_advisory_xact_lock(hashtextextended('matching queue', 0))")

# What people have decided comes from an index of that alone: a million automatic approvals since then hide nothing.
_NEWEST = text("""
    WITH taught AS (
        (SELECT d.* FROM match_decisions d WHERE d.origin = 'person' AND d.decision <> 'skipped'
         ORDER BY d.decided_at DESC, d.product_id DESC, d.photo_id DESC LIMIT :looked_through)
        UNION ALL
        (SELECT d.* FROM match_audits a JOIN match_decisions d USING (product_id, photo_id)
         WHERE a.is_right AND d.origin = 'automatic' AND d.decision = 'approved'
         ORDER BY a.answered_at DESC LIMIT :learned_from)
    ), cards AS (
        SELECT DISTINCT ON (t.product_id, r.group_id) t.similarity, t.margin, t.tier <> 'similarity' AS has_barcode,
            t.decision = 'approved' AS is_right, t.decided_at
        FROM taught t JOIN real_images r ON r.id = t.photo_id
        WHERE t.encoder_id = :encoder AND t.similarity IS NOT NULL
        ORDER BY t.product_id, r.group_id, t.decision = 'approved', t.similarity DESC
    )
    SELECT similarity, margin, has_barcode, is_right FROM cards ORDER BY decided_at DESC LIMIT :learned_from
""")


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


async def try_keeping_still(session: Session) -> bool:
    """Return whether nobody counts the queue, nor begins to, until this transaction ends.

    One process counts or learns at a time; the others go on with something else. So no row is counted by an old curve
    and looks newer than the new one.
    """
    return bool(await session.scalar(_TRY_KEEPING_STILL))


async def find_calibration(session: Session, encoder_id: uuid.UUID, *, every: dt.timedelta) -> Calibration | None:
    """Return the curve that was learned and whether it is time to learn anew; None before the first time."""
    looked_at = MatchingCalibration.looked_at
    by_people = select(MatchDecision.photo_id).where(MatchDecision.origin == "person")
    has_decided = by_people.where(MatchDecision.decided_at > looked_at).exists()
    has_answered = select(MatchAudit.photo_id).where(MatchAudit.answered_at > looked_at).exists()
    is_due = and_(looked_at < func.clock_timestamp() - every, or_(has_decided, has_answered))
    statement = select(MatchingCalibration.curve, is_due).where(MatchingCalibration.encoder_id == encoder_id)
    row = (await session.execute(statement)).one_or_none()
    return None if row is None else Calibration(Curve.model_validate(row[0]), bool(row[1]))


async def newest_decisions(session: Session, encoder_id: uuid.UUID) -> list[Decided]:
    """Return what people have approved or rejected, by themselves or when they were asked about automatic approvals.

    Near-duplicates of one product are one observation, however many photos a card had: they were seen once. Where some
    were approved and others rejected it is a rejection, so that nothing looks surer than it was.
    """
    values = {"encoder": encoder_id, "looked_through": LOOKED_THROUGH, "learned_from": LEARNED_FROM}
    rows = await session.execute(_NEWEST, values)
    return [Decided(row.similarity, row.margin, row.has_barcode, row.is_right) for row in rows]


async def keep_curve(session: Session, encoder_id: uuid.UUID, curve: Curve) -> None:
    """Have a curve serve; what was counted by older ones is counted anew when there is time (queue/service.py)."""
    values = {"curve": curve.model_dump(mode="json"), "n_decisions": curve.n_decisions}
    statement = insert(MatchingCalibration).values(encoder_id=encoder_id, **values)
    now = func.clock_timestamp()
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["encoder_id"], set_={**values, "fitted_at": now, "looked_at": now}
        )
    )


async def note_looked_at(session: Session, encoder_id: uuid.UUID) -> None:
    """Note that the curve was looked at and is still right."""
    await session.execute(
        text("UPDATE matching_calibrations SET looked_at = clock_timestamp() WHERE encoder_id = :encoder"),
        {"encoder": encoder_id},
    )


async def best_of_others(
    session: Session, encoder_id: uuid.UUID, product_id: uuid.UUID, photo_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, float]:
    """Return how similar each photo is to the most similar of the other products that it was suggested for."""
    statement = (
        select(MatchSuggestion.photo_id, sql_cast(func.max(MatchSuggestion.similarity), Float))
        .where(is_one_of(MatchSuggestion.photo_id, photo_ids), MatchSuggestion.encoder_id == encoder_id)
        .where(MatchSuggestion.product_id != product_id)
        .group_by(MatchSuggestion.photo_id)
    )
    return {row[0]: row[1] for row in await session.execute(statement)}
