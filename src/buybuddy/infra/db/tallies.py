"""Counts of whole tables, kept by triggers (migration 0003): exact, and read without reading the table.

A statement that adds, changes or removes rows adds rows here, in its own transaction; a count is their sum. Rows are
never updated, so no two transactions wait for each other; the worker's sweep adds them up.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Identity, Index, bindparam, func, literal_column, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from buybuddy.infra.db.base import Base

TALLY_SQL = """
SELECT key, sum(n)::bigint AS n FROM tallies WHERE subject = %(subject)s AND facet = %(facet)s
GROUP BY key HAVING sum(n) > 0 ORDER BY key
"""
FOLD_LOCK_ID = 0x62756464_0004


class Tally(Base):
    """`n` more (or fewer) rows of table `subject` have `key` for `facet`."""

    __tablename__ = "tallies"
    __table_args__ = (Index("ix_tallies_subject", "subject", "facet", "key"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    subject: Mapped[str] = mapped_column(Text)
    facet: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text)
    n: Mapped[int] = mapped_column(BigInteger)


def tally_of(subject: str) -> ColumnElement[int]:
    """Build the expression for how many rows of `subject` have the parameters `facet` and `tally_key`."""
    facet, key = bindparam("facet", type_=Text), bindparam("tally_key", type_=Text)
    # A literal: what a remembered statement is about is no parameter of it.
    rows = select(func.coalesce(func.sum(Tally.n), literal_column("0")))
    return rows.where(
        Tally.subject == literal_column(f"'{subject}'"), Tally.facet == facet, Tally.key == key
    ).scalar_subquery()


class WeekCount(NamedTuple):
    """How many rows there are, and how many of them came today or on the six days (UTC) before."""

    total: int
    last_week: int


async def count_by_week(
    session: AsyncSession, facets: Sequence[tuple[str, str]]
) -> Mapping[tuple[str, str], WeekCount]:
    """Return the counts of facets that are keyed by day, each (subject, facet)."""
    week_ago = func.to_char(func.timezone("UTC", func.now()) - dt.timedelta(days=6), "YYYY-MM-DD")
    recent = func.sum(Tally.n).filter(Tally.key >= week_ago)
    statement = select(Tally.subject, Tally.facet, func.sum(Tally.n), func.coalesce(recent, 0))
    rows = await session.execute(
        statement.where(tuple_(Tally.subject, Tally.facet).in_(facets)).group_by(Tally.subject, Tally.facet)
    )
    counted = {(subject, facet): WeekCount(int(total), int(last_week)) for subject, facet, total, last_week in rows}
    return {key: counted.get(key, WeekCount(0, 0)) for key in facets}


async def read_tally(session: AsyncSession, subject: str, facet: str, *, since: str = "") -> Mapping[str, int]:
    """Return how many rows have each key, keys from `since` on; a day is keyed by its UTC date, as in 2026-11-24."""
    statement = select(Tally.key, func.sum(Tally.n)).where(Tally.subject == subject, Tally.facet == facet)
    rows = await session.execute(statement.where(Tally.key >= since).group_by(Tally.key).order_by(Tally.key))
    return {key: int(n) for key, n in rows if n > 0}


async def fold_tallies(session: AsyncSession) -> None:
    """Replace rows of the same key by their sum; one process at a time does it."""
    if not await session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": FOLD_LOCK_ID}):
        return
    await session.execute(
        text(
            "WITH doubled AS (SELECT subject, facet, key FROM tallies GROUP BY 1, 2, 3 HAVING count(*) > 1),"
            " gone AS (DELETE FROM tallies t USING doubled d"
            "   WHERE (t.subject, t.facet, t.key) = (d.subject, d.facet, d.key)"
            "   RETURNING t.subject, t.facet, t.key, t.n)"
            " INSERT INTO tallies (subject, facet, key, n)"
            " SELECT subject, facet, key, sum(n) FROM gone GROUP BY 1, 2, 3 HAVING sum(n) <> 0"
        )
    )
