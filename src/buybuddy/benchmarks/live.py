"""Hundreds of open event streams: how soon every change is at all of them, and whether reconnecting misses anything."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import text

from buybuddy.benchmarks.http_load import Target, percentile
from buybuddy.benchmarks.report import BenchmarkReport
from buybuddy.connections import database_url
from buybuddy.infra.db import Database, emit
from buybuddy.settings import Settings
from buybuddy.supervisor import CLI_KEY_FILE, Supervisor

PATH = "/api/v1/events"
DEADLINE_S = 120.0


def run(
    folder: Path, *, n_streams: int = 500, n_reconnects: int = 1_000, n_changes: int = 400
) -> list[BenchmarkReport]:
    """Open streams on a platform as it is run, change things, and look at what arrived where and when.

    Args:
        folder: an empty home.
        n_reconnects: cuts in all; each comes back with Last-Event-ID.
        n_changes: transactions with one event each, 20 a second.
    """
    settings = Settings.for_home(folder)
    supervisor = Supervisor(settings, port=0)
    supervisor.start()
    with supervisor.watching():
        address = urlsplit(supervisor.url)
        key = (folder / CLI_KEY_FILE).read_text(encoding="utf-8")
        target = Target(str(address.hostname), int(address.port or 0), key)
        _wait_until_warm(folder)
        return asyncio.run(_measure(target, database_url(settings), n_streams, n_reconnects, n_changes))


def _wait_until_warm(folder: Path) -> None:
    """Wait until the worker has loaded its models: that takes every core, and nobody has changed anything yet."""
    log, deadline_s = folder / "logs" / "worker.log", time.perf_counter() + DEADLINE_S
    while "worker.ready" not in log.read_text(encoding="utf-8") and time.perf_counter() < deadline_s:
        time.sleep(0.2)


@dataclass
class Stream:
    """One listener over plain HTTP."""

    target: Target
    last_id: int | None = None
    ids: list[int] = field(default_factory=list)
    delays_ms: list[float] = field(default_factory=list)
    _writer: asyncio.StreamWriter | None = None

    async def open(self) -> asyncio.StreamReader:
        reader, self._writer = await asyncio.open_connection(self.target.host, self.target.port)
        after = f"Last-Event-ID: {self.last_id}\r\n" if self.last_id is not None else ""
        head = f"GET {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.target.key}\r\n{after}\r\n"
        self._writer.write(head.encode())
        await reader.readuntil(b"retry: 1000\n\n")
        return reader

    async def listen(self, reader: asyncio.StreamReader, n_until_cut: int | None = None) -> None:
        """Note every event; return after so many, or at the end of the stream."""
        async for event_id, sent_at, arrived_at in _events(reader):
            self.ids.append(event_id)
            self.last_id = event_id
            if sent_at is not None:
                self.delays_ms.append(1000 * (arrived_at - sent_at))
            if n_until_cut is not None:
                n_until_cut -= 1
                if n_until_cut <= 0:
                    return

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


async def _events(reader: asyncio.StreamReader) -> AsyncIterator[tuple[int, float | None, float]]:
    """Yield each event's id, when it was written, of those that this benchmark made, and when it arrived."""
    rest = b""
    while received := await reader.read(1 << 16):
        arrived_at = time.time()
        *frames, rest = (rest + received).split(b"\n\n")
        for frame in frames:
            id_at, data_at = frame.find(b"id: "), frame.find(b"data: ")
            if id_at >= 0 and data_at >= 0:
                event_id = int(frame[id_at + 4 : frame.index(b"\n", id_at)])
                yield event_id, json.loads(frame[data_at + 6 :]).get("sent_at"), arrived_at


async def _measure(
    target: Target, dsn: str, n_streams: int, n_reconnects: int, n_changes: int
) -> list[BenchmarkReport]:
    db = Database(dsn)
    started_s = time.perf_counter()
    streams = [Stream(target) for _ in range(n_streams)]
    readers = await asyncio.gather(*(stream.open() for stream in streams))
    opened_s = time.perf_counter() - started_s
    listening = [asyncio.create_task(stream.listen(reader)) for stream, reader in zip(streams, readers, strict=True)]
    await asyncio.sleep(1.0)
    kept = await _change(db, n_changes)
    await _until(lambda: all(set(kept) <= set(stream.ids) for stream in streams))
    for task, stream in zip(listening, streams, strict=True):
        task.cancel()
        stream.close()
    await asyncio.gather(*listening, return_exceptions=True)
    delays_ms = [delay for stream in streams for delay in stream.delays_ms]
    details: dict[str, float | int | str] = {
        "streams": n_streams,
        "changes": n_changes,
        "opened together in": f"{opened_s:.2f} s",
        **{f"p{percent}": f"{percentile(delays_ms, percent):.1f} ms" for percent in (50, 99)},
    }
    worst = BenchmarkReport("live.slowest_arrival", round(max(delays_ms), 1), "ms", details=details)
    reconnected = await _reconnect(target, db, n_reconnects)
    await db.close()
    return [worst, reconnected]


async def _reconnect(target: Target, db: Database, n_reconnects: int) -> BenchmarkReport:
    """Cut streams at random moments while things change, and compare what they saw with the table."""
    n_listeners = 20
    streams, n_cuts = [Stream(target) for _ in range(n_listeners)], 0
    async with db.transaction() as session:
        start_id = await session.scalar(text("SELECT coalesce(max(id), 0) FROM events")) or 0
    is_over = asyncio.Event()
    last_id = 0

    async def keep_listening(stream: Stream, dice: random.Random) -> None:
        nonlocal n_cuts
        stream.last_id = start_id
        while not (is_over.is_set() and stream.last_id == last_id):
            reader = await stream.open()
            until_cut = dice.randint(1, 12) if n_cuts < n_reconnects else 10**9
            listening = asyncio.create_task(stream.listen(reader, until_cut))
            while not listening.done() and not (is_over.is_set() and stream.last_id == last_id):
                await asyncio.wait({listening}, timeout=0.05)
            listening.cancel()
            stream.close()
            n_cuts += 1

    listening = [asyncio.create_task(keep_listening(stream, random.Random(i))) for i, stream in enumerate(streams)]
    kept: list[int] = []
    while n_cuts < n_reconnects:
        kept += await _change(db, 50, per_second=100.0)
    last_id = kept[-1]
    is_over.set()
    async with asyncio.timeout(DEADLINE_S):
        await asyncio.gather(*listening)
    async with db.transaction() as session:
        between = text("SELECT id FROM events WHERE id > :start AND id <= :last ORDER BY id")
        rows = await session.execute(between, {"start": start_id, "last": last_id})
        expected = [row[0] for row in rows]
    n_missed = sum(len(set(expected) - set(stream.ids)) for stream in streams)
    n_doubled = sum(len(stream.ids) - len(set(stream.ids)) for stream in streams)
    n_disordered = sum(stream.ids != sorted(stream.ids) for stream in streams)
    details = {"cuts": n_cuts, "events": len(expected), "doubled": n_doubled, "out of order": n_disordered}
    return BenchmarkReport("live.missed_after_reconnects", n_missed, "events", details=details)


async def _change(db: Database, n_changes: int, per_second: float = 20.0) -> list[int]:
    """Commit transactions with an event each and return the events' ids; each says when it was about to be written."""
    begun_s = time.perf_counter()
    ids = []
    for number in range(n_changes):
        await asyncio.sleep(max(0.0, begun_s + number / per_second - time.perf_counter()))
        async with db.transaction() as session:
            emit(session, "job", {"id": "benchmark", "number": number, "sent_at": time.time()})
        async with db.transaction() as session:
            ids.append(await session.scalar(text("SELECT max(id) FROM events WHERE payload->>'id' = 'benchmark'")) or 0)
    return ids


async def _until(happened: Callable[[], bool]) -> None:
    deadline_s = time.perf_counter() + DEADLINE_S
    while not happened() and time.perf_counter() < deadline_s:  # noqa: ASYNC110 - another process makes it happen
        await asyncio.sleep(0.1)
