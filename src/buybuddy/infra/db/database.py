"""The connection pool and the one place where a transaction is committed."""

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import psycopg
from sqlalchemy import event, func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection, QueuePool

from buybuddy.errors import Unavailable
from buybuddy.infra.db.app_role import TAKE_APP_ROLE
from buybuddy.infra.db.dropped import is_dropped
from buybuddy.infra.db.failures import as_error
from buybuddy.infra.db.outbox import flush_events

Session = AsyncSession


class Database:
    """PostgreSQL, whichever one the URL names.

    Args:
        url: postgresql://user:password@host:port/name
        pool_size: connections kept open; twice as many at the most.
        pool_patience_s: how long a transaction waits for one of them.
    """

    def __init__(self, url: str, *, pool_size: int = 5, pool_patience_s: float = 10.0) -> None:
        self.dsn = url
        self._engine = create_async_engine(
            make_url(url).set(drivername="postgresql+psycopg"),
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=pool_patience_s,
            hide_parameters=True,  # in errors, which are logged: among them are hashes of passwords
            connect_args={
                "connect_timeout": 5,
                "options": "-c statement_timeout=60000 -c timezone=UTC",
            },
        )
        self._pool = cast(QueuePool, self._engine.pool)  # what an async engine has, unless it is told otherwise
        event.listen(self._engine.sync_engine, "connect", _take_app_role)
        event.listen(self._engine.sync_engine, "checkout", _refuse_dropped)
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False, autoflush=True)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """Open a session; commit it, events included, when the block ends well, and roll it back otherwise.

        Raises: Unavailable when the server cannot be reached, goes away or gives up, or every connection is taken;
            StorageFull when it has no room left, InvalidInput when something is longer than it can hold.
        """
        try:
            async with self._sessions() as session:
                yield session
                await flush_events(session)
                await session.commit()
        except (OperationalError, InterfaceError) as error:
            raise as_error(error) from error
        except NoConnectionFree as error:
            raise Unavailable("Every connection to the database is taken; try again in a moment.") from error
        except DBAPIError as error:
            if error.connection_invalidated:
                raise Unavailable("The database connection was lost.") from error
            raise

    @property
    def n_in_use(self) -> int:
        """How many connections transactions hold at the moment."""
        return self._pool.checkedout()

    async def ping(self) -> None:
        """Raises: Unavailable."""
        async with self.transaction() as session:
            await session.execute(text("SELECT 1"))

    async def open_listener(self) -> psycopg.AsyncConnection[tuple[object, ...]]:
        """Return a connection of its own, in autocommit, to LISTEN on."""
        return await psycopg.AsyncConnection.connect(self.dsn, autocommit=True, connect_timeout=5)

    async def close(self) -> None:
        await self._engine.dispose()


def _take_app_role(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute(TAKE_APP_ROLE)
    cursor.close()
    connection.commit()


def _refuse_dropped(connection: DBAPIConnection, _: ConnectionPoolEntry, __: PoolProxiedConnection) -> None:
    """Have the pool connect anew when the server was restarted since a connection was last used."""
    driver_connection = connection.driver_connection
    if is_dropped(driver_connection):
        raise DisconnectionError


async def database_now(session: Session) -> dt.datetime:
    """Return the time by the only clock that counts."""
    now: dt.datetime = (await session.execute(select(func.clock_timestamp()))).scalar_one()
    return now
