"""Fifty clients that race for one lock, round after round: exactly one may win each, and tokens may only grow."""

import asyncio
import itertools
import random
import time
import uuid
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy import TextClause
from sqlalchemy.dialects.postgresql import psycopg as dialect

from buybuddy.benchmarks.http_load import percentile
from buybuddy.benchmarks.report import BenchmarkReport
from buybuddy.domain.accounts.tables import LoginSession, User
from buybuddy.domain.collaboration.locks import repository as lock_repository
from buybuddy.domain.collaboration.locks import service as lock_service
from buybuddy.domain.collaboration.rules import Holder
from buybuddy.infra.db import Actor, Database, Session, new_id
from buybuddy.infra.db.database import database_now
from buybuddy.infra.db.migrate import upgrade_schema
from buybuddy.infra.embedded_postgres import EmbeddedPostgres

N_EDITS_CHECKED = 200


def run(folder: Path, *, n_clients: int = 50, n_rounds: int = 10_000) -> list[BenchmarkReport]:
    """Let clients, each on a connection of its own, send the service's statement at the same moment.

    Whoever wins a round gives the lock back after it; in some rounds edits with the last round's token are tried too.

    Args:
        folder: an empty folder for a database of its own.
    """
    with EmbeddedPostgres(folder) as postgres:
        dsn = postgres.start().url
        upgrade_schema(dsn)
        return [asyncio.run(_race(dsn, n_clients, n_rounds))]


@dataclass(frozen=True)
class Client:
    """One tab of one session with its connection."""

    holder: Holder
    connection: psycopg.AsyncConnection[tuple[object, ...]]
    values: dict[str, object]

    async def acquire(self) -> int | None:
        """Return the token, or None when somebody else holds the lock."""
        row = await (await self.connection.execute(ACQUIRE, self.values)).fetchone()
        return None if row is None else int(str(row[0]))

    async def release(self) -> None:
        await self.connection.execute(RELEASE, self.values)


async def _race(dsn: str, n_clients: int, n_rounds: int) -> BenchmarkReport:
    db, product_id = Database(dsn), new_id()
    winners: list[int] = []
    tokens: list[int] = []
    round_ms: list[float] = []
    n_stale_saved = 0
    async with AsyncExitStack() as open_connections:
        clients = []
        for holder in await _add_holders(db, n_clients):
            connection = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
            await open_connections.enter_async_context(connection)
            values = {"resource_type": "product", "resource_id": str(product_id), "user_id": holder.user_id,
                      "session_id": holder.session_id, "key_id": None, "tab_id": holder.tab_id}  # fmt: skip
            clients.append(Client(holder, connection, values))
        begun_s = time.perf_counter()
        for number in range(n_rounds):
            random.shuffle(clients)
            started_s = time.perf_counter()
            answers = await asyncio.gather(*(client.acquire() for client in clients))
            round_ms.append(1000 * (time.perf_counter() - started_s))
            won = [(client, token) for client, token in zip(clients, answers, strict=True) if token is not None]
            winners.append(len(won))
            for client, token in won:
                if tokens and number % max(1, n_rounds // N_EDITS_CHECKED) == 0:
                    n_stale_saved += await _saves(db, product_id, client.holder, tokens[-1])
                tokens.append(token)
                await client.release()
        seconds = time.perf_counter() - begun_s
    await db.close()
    n_shared = sum(n != 1 for n in winners)
    n_shrunk = sum(after <= before for before, after in itertools.pairwise(tokens))
    details: dict[str, float | int | str] = {
        "rounds": n_rounds,
        "clients": n_clients,
        "attempts/s": round(n_rounds * n_clients / seconds),
        "round p50": f"{percentile(round_ms, 50):.1f} ms",
        "round p99": f"{percentile(round_ms, 99):.1f} ms",
        "rounds without exactly one winner": n_shared,
        "tokens that did not grow": n_shrunk,
        "edits kept with an old token": n_stale_saved,
        "clients are": "connections to the database that send the lock service's statements, not HTTP",
    }
    return BenchmarkReport("locks.violations", n_shared + n_shrunk + n_stale_saved, "violations", details=details)


async def _saves(db: Database, product_id: uuid.UUID, holder: Holder, token: int) -> bool:
    """Tell whether an edit under an old token would be let through."""
    try:
        async with db.transaction() as session:
            actor = Actor(holder.user_id, holder.username)
            await lock_service.check_lock(session, "product", product_id, actor, token)
    except lock_service.LockLost:
        return False
    return True


async def _add_holders(db: Database, n: int) -> list[Holder]:
    async with db.transaction() as session:
        return [await _add_holder(session, number) for number in range(n)]


async def _add_holder(session: Session, number: int) -> Holder:
    user = User(id=new_id(), username=f"client-{number}", role="operator", password_hash=None)
    login = LoginSession(id=new_id(), user_id=user.id, cookie_hash=new_id().bytes, bearer_hash=new_id().bytes)
    login.expires_at = (await database_now(session)).replace(year=9999)
    session.add(user)
    await session.flush()
    session.add(login)
    await session.flush()
    return Holder(user.id, user.username, login.id, None, "benchmark")


def _sent(statement: TextClause) -> bytes:
    compiled = statement.compile(dialect=dialect.dialect(paramstyle="pyformat"))  # type: ignore[no-untyped-call]
    return str(compiled).encode()


ACQUIRE, RELEASE = _sent(lock_repository.ACQUIRE), _sent(lock_repository.RELEASE)
