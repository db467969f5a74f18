"""Objects that a transaction has made useless: noted in it, removed from storage some time after its commit.

Removing first and committing later would lose objects on a rollback; committing first and removing later would leak
them on a crash. The note does neither.
"""

from collections.abc import Sequence

from sqlalchemy import BigInteger, Identity, delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from buybuddy.infra.db.base import Base, CreatedAt

BATCH = 200


class TrashRow(Base, CreatedAt):
    __tablename__ = "object_trash"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    key_or_prefix: Mapped[str]


def throw_away(session: AsyncSession, key_or_prefix: str) -> None:
    """Have an object, or with a trailing slash everything below it, removed after this transaction."""
    session.add(TrashRow(key_or_prefix=key_or_prefix))


async def take_trash(session: AsyncSession) -> Sequence[str]:
    """Return the oldest entries and forget them; the transaction must end only when their objects are gone."""
    statement = select(TrashRow).order_by(TrashRow.id).limit(BATCH).with_for_update(skip_locked=True)
    rows = (await session.scalars(statement)).all()
    await session.execute(delete(TrashRow).where(TrashRow.id.in_([row.id for row in rows])))
    return [row.key_or_prefix for row in rows]
