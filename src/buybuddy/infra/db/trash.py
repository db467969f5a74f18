"""Objects that a transaction has made useless: noted in it, removed from storage some time after its commit.

Removing first and committing later would lose objects on a rollback; committing first and removing later would leak
them on a crash. The note does neither.
"""

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import BigInteger, Identity, delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from buybuddy.infra.db.base import Base, CreatedAt

BATCH = 1000
COUNTED_AT_MOST = 10_000


class TrashRow(Base, CreatedAt):
    __tablename__ = "object_trash"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    key_or_prefix: Mapped[str] = mapped_column(index=True)
    due_at: Mapped[dt.datetime] = mapped_column(server_default=text("clock_timestamp()"), index=True)


def throw_away(session: AsyncSession, key_or_prefix: str, *, after_s: float = 0.0) -> None:
    """Have an object, or with a trailing slash everything below it, removed after this transaction.

    Args:
        after_s: how much later. What is about to be written is thrown away in advance, and kept (keep) once a row says
            what it is: should the writer die in between, nothing of it stays.
    """
    due_at = func.clock_timestamp() + dt.timedelta(seconds=after_s)
    session.add(TrashRow(key_or_prefix=key_or_prefix, due_at=due_at))


async def keep(session: AsyncSession, key_or_prefix: str) -> bool:
    """Take back what was thrown away in advance; False when it is gone already."""
    found = await session.scalars(
        delete(TrashRow).where(TrashRow.key_or_prefix == key_or_prefix).returning(TrashRow.id)
    )
    return found.first() is not None


async def take_trash(session: AsyncSession) -> Sequence[str]:
    """Return the oldest due entries and forget them; the transaction must end only when their objects are gone."""
    due = TrashRow.due_at <= func.clock_timestamp()
    statement = select(TrashRow).where(due).order_by(TrashRow.due_at).limit(BATCH).with_for_update(skip_locked=True)
    rows = (await session.scalars(statement)).all()
    await session.execute(delete(TrashRow).where(TrashRow.id.in_([row.id for row in rows])))
    return [row.key_or_prefix for row in rows]


class TrashFigures(NamedTuple):
    """What is still to be removed now."""

    n_due: int
    oldest_s: float


async def measure_trash(session: AsyncSession) -> TrashFigures:
    """Return how much is due, up to COUNTED_AT_MOST, and for how long the oldest of it."""
    is_due = TrashRow.due_at <= func.clock_timestamp()
    due = select(TrashRow.due_at).where(is_due).order_by(TrashRow.due_at).limit(COUNTED_AT_MOST).subquery()
    age_s = func.extract("epoch", func.clock_timestamp() - func.min(due.c.due_at))
    n_due, oldest_s = (await session.execute(select(func.count(), func.coalesce(age_s, 0)).select_from(due))).one()
    return TrashFigures(n_due, float(oldest_s))
