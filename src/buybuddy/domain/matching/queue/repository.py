"""Every query about the queue and the pace of people."""

import uuid
from collections.abc import Sequence

from sqlalchemy import func, select, text

from buybuddy.domain.accounts.tables import User
from buybuddy.domain.matching.confidence.rules import Curve
from buybuddy.domain.matching.queue.rules import Moment
from buybuddy.domain.matching.queue.sql import (
    COUNT_ANEW,
    OUTDATED,
    POSTPONE_CHANGE,
    POSTPONE_OUTDATED,
    TAKE_CHANGES,
    curve_values,
)
from buybuddy.domain.matching.tables import MatchDecision, MatchingQueueRow
from buybuddy.domain.products.lists import repository as lists_repository
from buybuddy.domain.products.lists.filters import ProductFilters
from buybuddy.domain.products.tables import ProductBarcode
from buybuddy.infra.db import Session
from buybuddy.infra.db.pages import Count, Order, Slice, Window, read_page
from buybuddy.infra.db.tallies import read_tally

BY_GAIN = Order("gain", (MatchingQueueRow.expected_matches, MatchingQueueRow.product_id), is_descending=True)
PACE_OF = 3_000  # newest decisions


async def limit_patience(session: Session, seconds: float) -> None:
    """Have each statement of this transaction given up after so long."""
    milliseconds = str(round(seconds * 1000))
    await session.execute(text("SELECT set_config('statement_timeout', :ms, true)"), {"ms": milliseconds})


async def take_changes(session: Session, limit: int) -> list[uuid.UUID]:
    """Return products whose rows are to be counted anew, and forget that they are."""
    return list(await session.scalars(TAKE_CHANGES, {"limit": limit}))


async def outdated_products(session: Session, encoder_id: uuid.UUID, limit: int) -> list[uuid.UUID]:
    """Return products whose rows were counted before the encoder's curve was learned, the oldest first."""
    return list(await session.scalars(OUTDATED, {"encoder": encoder_id, "limit": limit}))


async def postpone_first(session: Session) -> uuid.UUID | None:
    """Have the product that would be counted next counted after the others; one only outdated is left as it is."""
    product_id: uuid.UUID | None = await session.scalar(POSTPONE_CHANGE)
    return product_id if product_id is not None else await session.scalar(POSTPONE_OUTDATED)


async def count_anew(
    session: Session, product_ids: Sequence[uuid.UUID], encoder_id: uuid.UUID | None, curve: Curve, threshold: float
) -> None:
    """Count the rows of products, in one statement."""
    values = {"product_ids": list(product_ids), "encoder": encoder_id, "threshold": threshold}
    await session.execute(COUNT_ANEW, {**values, **curve_values(curve)})


async def list_queue(
    session: Session, status: str, barcodes: Sequence[str] | None, search: str | None, window: Window
) -> Slice[MatchingQueueRow]:
    """Return products, those that promise most first. Raises: BadCursor."""
    statement = select(MatchingQueueRow).where(MatchingQueueRow.status == status)
    filters = ProductFilters(search=search)
    if barcodes is not None:
        owners = select(ProductBarcode.product_id).where(ProductBarcode.barcode.in_(barcodes))
        statement = statement.where(MatchingQueueRow.product_id.in_(owners))
    if filters.has_search:
        found = await lists_repository.selection(session, filters)
        statement = statement.where(MatchingQueueRow.product_id.in_(found))
    count = None
    if barcodes is None and not filters.has_search and status == "needs_matching":
        count = Count(await count_products(session, status))
    return await read_page(session, statement, BY_GAIN, window, count=count)


async def count_products(session: Session, status: str) -> int:
    return (await read_tally(session, "products", "status")).get(status, 0)


async def count_candidates(session: Session, status: str) -> int:
    """Return how many cards above the threshold products of a status have."""
    return (await read_tally(session, "matching_queue", "candidates")).get(status, 0)


async def count_by_person(session: Session) -> dict[uuid.UUID, int]:
    """Return how many decisions of each person stand."""
    tally = await read_tally(session, "match_decisions", "person")
    return {uuid.UUID(key): n for key, n in tally.items()}


async def count_today(session: Session) -> dict[uuid.UUID, int]:
    """Return how many of the decisions of each person are of this day (UTC)."""
    today = func.timezone("UTC", func.date_trunc("day", func.timezone("UTC", func.clock_timestamp())))
    statement = (
        select(MatchDecision.user_id, func.count())
        .where(MatchDecision.decided_at >= today, MatchDecision.origin == "person", MatchDecision.user_id.is_not(None))
        .group_by(MatchDecision.user_id)
    )
    return {row[0]: row[1] for row in await session.execute(statement) if row[0] is not None}


async def names_of(session: Session, user_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, str]:
    rows = await session.execute(select(User.id, User.username).where(User.id.in_(user_ids)))
    return {row.id: row.username for row in rows}


async def newest_moments(session: Session) -> list[Moment]:
    """Return when people last decided."""
    statement = (
        select(MatchDecision.user_id, MatchDecision.product_id, MatchDecision.decided_at)
        .where(MatchDecision.origin == "person", MatchDecision.user_id.is_not(None))
        .order_by(MatchDecision.decided_at.desc(), MatchDecision.product_id.desc(), MatchDecision.photo_id.desc())
        .limit(PACE_OF)
    )
    return [Moment(row[0], row[1], row[2]) for row in await session.execute(statement) if row[0] is not None]
