"""How fast people are, from the moments of their decisions."""

import datetime as dt
import statistics
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

LONGEST_PAUSE_S = 300.0  # whoever waits longer has done something else meanwhile
ONE_ACT_S = 0.5  # decisions of one request are written together


class Moment(NamedTuple):
    """When somebody decided about a photo of a product."""

    user_id: uuid.UUID
    product_id: uuid.UUID
    at: dt.datetime


@dataclass(frozen=True)
class Pace:
    """Medians; None before there is enough to tell."""

    seconds_per_decision: float | None = None
    minutes_per_product: float | None = None


@dataclass
class _Act:
    """Photos of one product that one person decided about at once, and how long they had looked at them."""

    product_id: uuid.UUID
    first: dt.datetime
    last: dt.datetime
    n: int = 1
    seconds: float | None = None


@dataclass
class _Person:
    acts: list[_Act] = field(default_factory=list)


def measure_pace(moments: Iterable[Moment]) -> Pace:
    """Measure how long people take, by the pauses between what each of them decides.

    Pauses of more than five minutes are left out. What is decided at once shares the pause before it: ten photos
    approved after twenty seconds are ten decisions of two seconds.
    """
    people: dict[uuid.UUID, _Person] = {}
    for moment in sorted(moments, key=lambda one: one.at):
        _note(people.setdefault(moment.user_id, _Person()).acts, moment)
    each: list[float] = []
    per_product: list[float] = []
    for person in people.values():
        by_product: dict[uuid.UUID, float] = {}
        for act in person.acts:
            if act.seconds is not None:
                each += [act.seconds / act.n] * act.n
                by_product[act.product_id] = by_product.get(act.product_id, 0.0) + act.seconds
        per_product += by_product.values()
    if not each:
        return Pace()
    return Pace(round(statistics.median(each), 2), round(statistics.median(per_product) / 60, 3))


def _note(acts: list[_Act], moment: Moment) -> None:
    before = acts[-1] if acts else None
    pause_s = (moment.at - before.last).total_seconds() if before is not None else None
    if before is not None and pause_s is not None and pause_s < ONE_ACT_S and before.product_id == moment.product_id:
        before.n += 1
        before.last = moment.at
        return
    is_work = pause_s is not None and pause_s <= LONGEST_PAUSE_S
    acts.append(_Act(moment.product_id, moment.at, moment.at, seconds=pause_s if is_work else None))


def hours_left(n_decisions: int, seconds_per_decision: float | None) -> float | None:
    """Return how long people will take for the decisions that are left; None while their pace is unknown."""
    return None if seconds_per_decision is None else round(n_decisions * seconds_per_decision / 3600, 2)
