"""Every query about automatic approval and its audits."""

import uuid
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import and_, func, select, text
from sqlalchemy.dialects.postgresql import insert

from buybuddy.domain.accounts.tables import User
from buybuddy.domain.matching.automation.rules import Quality
from buybuddy.domain.matching.confidence.rules import Curve
from buybuddy.domain.matching.queue.sql import ASKED, OPEN_PAIRS, SCORE, curve_values
from buybuddy.domain.matching.tables import MatchAudit, MatchDecision, MatchingQueueRow, MatchingSettings
from buybuddy.domain.photos.tables import Photo
from buybuddy.infra.db import Session
from buybuddy.infra.db.pages import Order, Slice, Window, read_page

BY_DRAWING = Order("drawn_at", (MatchAudit.drawn_at, MatchAudit.product_id, MatchAudit.photo_id))
JUDGED_BY = 1_000  # newest cards that people were asked about
LOOKED_THROUGH = 10_000  # answers, to find so many cards: each near-duplicate may have one
STATUSES = ("needs_matching", "ready")  # of products that photos are approved for

# Open pairs that nobody has decided about, where the product is the photo's first and has every barcode of the photo.
# One whose automatic approval was taken back is for people alone: its audit says it was wrong (migration 0012).
_SURE_PAIRS = text(f"""
    WITH asked AS MATERIALIZED ({ASKED})
    SELECT product_id, photo_id FROM (SELECT pairs.*, {SCORE} AS score FROM ({OPEN_PAIRS}) pairs) scored
    WHERE score >= :least AND (margin IS NULL OR margin > 0) AND NOT has_other_barcode
        AND NOT EXISTS (
            SELECT FROM match_audits a
            WHERE a.product_id = scored.product_id AND a.photo_id = scored.photo_id AND NOT a.is_right
        )
    ORDER BY product_id, photo_id
""")
_NOTE_WISH = text("INSERT INTO approval_wishes (last_change_id) SELECT coalesce(max(id), 0) FROM matching_changes")
_TAKE_WISHES = text("""
    DELETE FROM approval_wishes w
    WHERE NOT EXISTS (SELECT FROM matching_changes c WHERE c.id <= w.last_change_id) RETURNING w.id
""")


class SurePair(NamedTuple):
    product_id: uuid.UUID
    photo_id: uuid.UUID


async def lock_settings(session: Session) -> MatchingSettings:
    """Return the settings; nobody else changes them until this transaction ends."""
    statement = select(MatchingSettings).with_for_update().execution_options(populate_existing=True)
    return (await session.scalars(statement)).one()


async def sure_pairs(
    session: Session, product_ids: Sequence[uuid.UUID], encoder_id: uuid.UUID, curve: Curve, least: float
) -> list[SurePair]:
    """Return the suggestions of products that score at least so much."""
    values = {"product_ids": list(product_ids), "encoder": encoder_id, "least": least}
    rows = await session.execute(_SURE_PAIRS, {**values, **_scoring(curve)})
    return [SurePair(row.product_id, row.photo_id) for row in rows]


def _scoring(curve: Curve) -> dict[str, object]:
    return {name: value for name, value in curve_values(curve).items() if name.startswith("w")}


async def note_wish(session: Session) -> None:
    await session.execute(_NOTE_WISH)


async def take_wishes(session: Session) -> bool:
    """Return whether there are wishes whose suggestions are counted, and forget them; of two at once one gets them."""
    return bool((await session.scalars(_TAKE_WISHES)).all())


async def next_products(session: Session, after: uuid.UUID, limit: int) -> list[uuid.UUID]:
    """Return products that have candidates, in the order of their ids."""
    statement = select(MatchingQueueRow.product_id).where(
        MatchingQueueRow.product_id > after,
        MatchingQueueRow.n_candidates > 0,
        MatchingQueueRow.status.in_(STATUSES),
    )
    return list(await session.scalars(statement.order_by(MatchingQueueRow.product_id).limit(limit)))


async def promising_products(session: Session, limit: int) -> list[uuid.UUID]:
    """Return the products of the queue that promise most."""
    statement = select(MatchingQueueRow.product_id).where(
        MatchingQueueRow.status == "needs_matching", MatchingQueueRow.expected_matches > 0
    )
    ordered = statement.order_by(MatchingQueueRow.expected_matches.desc(), MatchingQueueRow.product_id.desc())
    return list(await session.scalars(ordered.limit(limit)))


async def draw_audits(session: Session, pairs: Sequence[SurePair]) -> None:
    """Have people asked about pairs."""
    if not pairs:
        return
    rows = [{"product_id": pair.product_id, "photo_id": pair.photo_id} for pair in pairs]
    statement = insert(MatchAudit)
    afresh = {"is_right": None, "user_id": None, "answered_at": None, "drawn_at": func.clock_timestamp()}
    await session.execute(statement.on_conflict_do_update(index_elements=["product_id", "photo_id"], set_=afresh), rows)


async def list_open(session: Session, window: Window) -> Slice[MatchAudit]:
    """Return the questions that nobody has answered, the oldest first; approvals that were taken back are none."""
    stands = select(MatchDecision.photo_id).where(
        MatchDecision.product_id == MatchAudit.product_id,
        MatchDecision.photo_id == MatchAudit.photo_id,
        MatchDecision.decision == "approved",
    )
    statement = select(MatchAudit).where(MatchAudit.is_right.is_(None), stands.exists())
    return await read_page(session, statement, BY_DRAWING, window)


async def decided_photos(
    session: Session, audits: Sequence[MatchAudit]
) -> dict[tuple[uuid.UUID, uuid.UUID], tuple[Photo, MatchDecision]]:
    """Return each question's photo and the decision that it is about, by product and photo."""
    statement = (
        select(Photo, MatchDecision)
        .join(MatchDecision, and_(MatchDecision.photo_id == Photo.id, MatchDecision.decision == "approved"))
        .where(Photo.id.in_([audit.photo_id for audit in audits]))
    )
    return {(row[1].product_id, row[0].id): (row[0], row[1]) for row in await session.execute(statement)}


async def lock_audit(session: Session, pair: SurePair) -> MatchAudit | None:
    statement = select(MatchAudit).where(
        MatchAudit.product_id == pair.product_id, MatchAudit.photo_id == pair.photo_id
    )  # fmt: skip
    return await session.scalar(statement.with_for_update().execution_options(populate_existing=True))


async def approved_with(session: Session, pair: SurePair) -> list[uuid.UUID]:
    """Return a photo and its near-duplicates, as far as they were approved for the product without a person."""
    group = select(Photo.group_id).where(Photo.id == pair.photo_id).scalar_subquery()
    statement = (
        select(MatchDecision.photo_id)
        .join(Photo, Photo.id == MatchDecision.photo_id)
        .where(MatchDecision.product_id == pair.product_id, MatchDecision.decision == "approved")
        .where((Photo.group_id == group) & (MatchDecision.origin == "automatic") | (Photo.id == pair.photo_id))
    )
    return list(await session.scalars(statement))


async def measure_quality(session: Session) -> Quality:
    """Return what people have said of cards that were approved since automatic approval was last switched on."""
    since = select(MatchingSettings.automatic_since).scalar_subquery()
    newest = (
        select(MatchAudit)
        .where(MatchAudit.is_right.is_not(None), MatchAudit.drawn_at >= since)
        .order_by(MatchAudit.answered_at.desc())
        .limit(LOOKED_THROUGH)
        .subquery()
    )
    cards = (
        select(func.bool_and(newest.c.is_right).label("is_right"))
        .join(Photo, Photo.id == newest.c.photo_id)
        .group_by(newest.c.product_id, Photo.group_id)
        .order_by(func.max(newest.c.answered_at).desc())
        .limit(JUDGED_BY)
        .subquery()
    )
    row = (await session.execute(select(func.count(), func.count().filter(cards.c.is_right)).select_from(cards))).one()
    return Quality(row[0], row[1])


async def enabled_admins(session: Session) -> list[uuid.UUID]:
    return list(await session.scalars(select(User.id).where(User.role == "admin", User.disabled_at.is_(None))))
