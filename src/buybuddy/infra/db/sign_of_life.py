"""A lock that a process holds while it lives: the server drops it the moment its connection ends, however it ends.

It says earlier than any heartbeat that a process has died. It does not say that one is well: a stopped process keeps
its connection, and is found by its missing heartbeat.
"""

import asyncio
import secrets

import psycopg
import structlog
from sqlalchemy import ColumnElement, text

from buybuddy.infra.db.database import Database

LOCK_CLASS = 0x6C69  # pg_advisory_lock(class, number)
CHECK_INTERVAL_S = 1.0

log = structlog.get_logger(__name__)


class SignOfLife:
    """One process's lock; `number` names it."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.number = secrets.randbelow(2**31 - 1) + 1

    async def hold(self) -> None:
        """Hold the lock until cancelled; take it again after the server was away."""
        while True:
            try:
                async with await self._db.open_listener() as connection:
                    await connection.execute("SELECT pg_advisory_lock(%s, %s)", (LOCK_CLASS, self.number))
                    while True:
                        await asyncio.sleep(CHECK_INTERVAL_S)
                        await connection.execute("SELECT 1")
            except (psycopg.Error, OSError) as error:
                log.warning("sign_of_life.lost", error=str(error))
                await asyncio.sleep(CHECK_INTERVAL_S)


def has_no_sign_of_life(number_column: str) -> ColumnElement[bool]:
    """Build the condition that nobody holds the lock of a column's number; false where it has none."""
    return text(
        f"({number_column} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM pg_locks l"
        " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2"
        " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        f" AND l.classid = {LOCK_CLASS} AND l.objid = {number_column}))"
    )  # type: ignore[return-value]  # a text clause serves as a condition
