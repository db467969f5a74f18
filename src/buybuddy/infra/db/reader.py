"""The quick way to read: statements of their own, each in one round trip, for what every request or every list needs.

A transaction through the ORM costs some milliseconds in this process; a page of a list must not. Connections here are
read only and in autocommit, and their planner takes an index wherever one serves: no list may read a whole table.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import namedtuple_row
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from buybuddy.errors import Unavailable

POOL_SIZE = 8
PATIENCE_S = 10.0
OPTIONS = "-c default_transaction_read_only=on -c statement_timeout=20000 -c timezone=UTC -c enable_seqscan=off"


class PoolUsage(NamedTuple):
    """How busy the connections are, and how often readings had to wait for one since the start."""

    n_in_use: int
    n_waits: int
    waited_s: float


class Reader:
    """A pool of connections that only read.

    Args:
        dsn: postgresql://user:password@host:port/name
    """

    def __init__(self, dsn: str) -> None:
        self._pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]] = AsyncConnectionPool(
            dsn,
            min_size=2,
            max_size=POOL_SIZE,
            timeout=PATIENCE_S,
            open=False,
            kwargs={"autocommit": True, "options": OPTIONS, "connect_timeout": 5, "row_factory": namedtuple_row},
        )

    async def open(self) -> None:
        """Begin to connect; a database that is away now is waited for by the first reading."""
        await self._pool.open()

    async def close(self) -> None:
        await self._pool.close()

    def usage(self) -> PoolUsage:
        """Return how busy the connections are."""
        figures = self._pool.get_stats()
        n_in_use = figures.get("pool_size", 0) - figures.get("pool_available", 0)
        return PoolUsage(n_in_use, figures.get("requests_queued", 0), figures.get("requests_wait_ms", 0) / 1000)

    async def rows(self, statement: str, values: Mapping[str, object]) -> Sequence[Any]:
        """Return what a statement selects, as named tuples. Raises: Unavailable."""
        try:
            return await self._read(statement, values)
        except psycopg.OperationalError:
            pass  # the server was restarted since the connection was last used: a reading can be asked again
        try:
            return await self._read(statement, values)
        except psycopg.OperationalError as error:
            raise Unavailable("The database cannot be reached at the moment.") from error

    async def estimate(self, statement: str, values: Mapping[str, object]) -> int:
        """Return how many rows the planner expects a statement to give, without running it. Raises: Unavailable."""
        [(plan,)] = await self.rows(f"EXPLAIN (FORMAT JSON) {statement}", values)
        return int(plan[0]["Plan"]["Plan Rows"])

    async def _read(self, statement: str, values: Mapping[str, object]) -> Sequence[Any]:
        try:
            async with self._pool.connection() as connection:
                return await (await connection.execute(statement.encode(), values)).fetchall()
        except (PoolTimeout, PoolClosed) as error:
            raise Unavailable("The database cannot be reached at the moment.") from error
