"""Keeping the queue counted, and saying how much is left."""

import uuid
from dataclasses import dataclass

from buybuddy.domain.matching.confidence import repository as confidence_repository
from buybuddy.domain.matching.confidence.rules import Curve
from buybuddy.domain.matching.queue import repository
from buybuddy.domain.matching.queue.rules import Pace, hours_left, measure_pace
from buybuddy.domain.matching.rules import DEFAULT_THRESHOLD
from buybuddy.domain.vectors import repository as vectors_repository
from buybuddy.infra.db import Session

COUNTED_AT_ONCE = 1_000  # changes


@dataclass(frozen=True)
class PersonCount:
    """How much somebody has decided."""

    user_id: uuid.UUID
    name: str
    today: int
    total: int


@dataclass(frozen=True)
class Progress:
    """How far matching has come.

    Args:
        decisions_left: cards above the threshold of products that need matching.
    """

    decisions_left: int
    products_left: int
    people: list[PersonCount]
    pace: Pace
    hours_left: float | None


async def count_changes(session: Session) -> bool:
    """Count products anew whose suggestions, decisions or status have changed; called by the worker's sweep.

    Returns: whether there is likely more to count.
    """
    changed = await repository.take_changes(session, COUNTED_AT_ONCE)
    if not changed:
        return False
    encoder = await vectors_repository.find_serving(session)
    curve = await confidence_repository.find_curve(session, encoder.id) if encoder is not None else Curve()
    product_ids = sorted(set(changed))
    await repository.count_anew(session, product_ids, encoder.id if encoder else None, curve, DEFAULT_THRESHOLD)
    return len(changed) == COUNTED_AT_ONCE


async def measure_progress(session: Session) -> Progress:
    """Say how much is left, who has decided how much, and how fast."""
    n_left = await repository.count_candidates(session, "needs_matching")
    totals, today = await repository.count_by_person(session), await repository.count_today(session)
    names = await repository.names_of(session, list(totals.keys() | today.keys()))
    people = [
        PersonCount(user_id, name, today.get(user_id, 0), totals.get(user_id, 0)) for user_id, name in names.items()
    ]
    pace = measure_pace(await repository.newest_moments(session))
    return Progress(
        decisions_left=n_left,
        products_left=await repository.count_products(session, "needs_matching"),
        people=sorted(people, key=lambda person: (-person.total, person.name)),
        pace=pace,
        hours_left=hours_left(n_left, pace.seconds_per_decision),
    )
