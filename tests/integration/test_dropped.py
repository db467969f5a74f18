"""A server that was restarted costs nobody a request: connections at rest are told to be dead without being asked."""

import asyncio

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import text

from buybuddy.infra.db import Database
from buybuddy.infra.db.dropped import is_dropped, refuse_dropped


async def test_connections_that_the_server_has_ended_are_replaced_before_they_are_used(dsn: str) -> None:
    db = Database(dsn, pool_size=3)
    try:
        for _ in range(3):
            async with db.transaction() as session:
                pid = await session.scalar(text("SELECT pg_backend_pid()"))
            async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as owner:
                await owner.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])  # waits until it is gone
            async with db.transaction() as session:
                assert await session.scalar(text("SELECT pg_backend_pid()")) != pid
    finally:
        await db.close()


async def test_a_connection_at_rest_is_alive_until_the_server_ends_it(dsn: str) -> None:
    async with (
        await psycopg.AsyncConnection.connect(dsn, autocommit=True) as one,
        await psycopg.AsyncConnection.connect(dsn, autocommit=True) as other,
    ):
        assert not is_dropped(one)
        await refuse_dropped(one)
        await other.execute("SELECT pg_terminate_backend(%s, 5000)", [one.info.backend_pid])
        assert is_dropped(one)
        with pytest.raises(psycopg.OperationalError):
            await refuse_dropped(one)
        await other.close()
        assert is_dropped(other)


async def test_a_pool_makes_another_connection_for_one_that_was_ended(dsn: str) -> None:
    async with AsyncConnectionPool(dsn, min_size=1, max_size=2, open=False, check=refuse_dropped) as pool:
        for _ in range(3):
            async with pool.connection() as connection:
                pid = connection.info.backend_pid
            async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as owner:
                await owner.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
            async with asyncio.timeout(5), pool.connection() as connection:
                assert connection.info.backend_pid != pid
