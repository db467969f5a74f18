"""Saying how much is left, who has done what, and how fast."""

import uuid
from dataclasses import dataclass

from buybuddy.domain.matching.queue import repository
from buybuddy.domain.matching.queue.rules import Pace, hours_left, measure_pace
from buybuddy.infra.db import Session


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
