"""A small HTTP client that costs little beside the server it measures: kept-alive connections, GET only."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self


@dataclass
class Connection:
    """One kept-alive HTTP/1.1 connection."""

    host: str
    port: int
    headers: str = ""
    _reader: asyncio.StreamReader = field(init=False)
    _writer: asyncio.StreamWriter = field(init=False)

    async def open(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(self.host, self.port)
        return self

    async def get(self, path: str) -> tuple[int, bytes]:
        """Return status and body."""
        self._writer.write(f"GET {path} HTTP/1.1\r\nHost: {self.host}\r\n{self.headers}\r\n".encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        return status, await self._reader.readexactly(int(length[15:]))

    def close(self) -> None:
        self._writer.close()


@dataclass(frozen=True)
class Target:
    """A server, and how to ask it."""

    host: str
    port: int
    key: str | None = None

    async def connect(self) -> Connection:
        authorization = f"Authorization: Bearer {self.key}\r\n" if self.key else ""
        return await Connection(self.host, self.port, authorization).open()


class Refused(Exception):
    """A benchmark's request was not answered with 200."""


async def time_one_by_one(target: Target, paths: Sequence[str]) -> list[float]:
    """Ask one after another and return each answer's time in ms. Raises: Refused."""
    connection = await target.connect()
    times_ms = []
    for path in paths:
        started_s = time.perf_counter()
        status, body = await connection.get(path)
        times_ms.append(1000 * (time.perf_counter() - started_s))
        if status != 200:
            raise Refused(f"{path}: {status} {body[:300].decode(errors='replace')}")
    connection.close()
    return times_ms


async def time_at_rate(target: Target, paths: Sequence[str], per_second: float, n_connections: int = 32) -> list[float]:
    """Send requests at their times whether or not earlier ones are answered; return times in ms from when each was due.

    Raises: Refused.
    """
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(n_connections):
        free.put_nowait(await target.connect())
    times_ms: list[float] = []
    begun_s = time.perf_counter()

    async def ask(path: str, due_s: float) -> None:
        connection = await free.get()
        status, body = await connection.get(path)
        free.put_nowait(connection)
        times_ms.append(1000 * (time.perf_counter() - due_s))
        if status != 200:
            raise Refused(f"{path}: {status} {body[:300].decode(errors='replace')}")

    async with asyncio.TaskGroup() as group:
        for number, path in enumerate(paths):
            due_s = begun_s + number / per_second
            await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
            group.create_task(ask(path, due_s))
    while not free.empty():
        free.get_nowait().close()
    return times_ms


async def measure_rate(target: Target, path: str, seconds: float, n_connections: int = 8) -> float:
    """Return how many requests a second a server answers when each connection asks again at once. Raises: Refused."""
    n_answered, deadline_s = 0, time.perf_counter() + seconds
    connections = [await target.connect() for _ in range(n_connections)]

    async def ask(connection: Connection) -> None:
        nonlocal n_answered
        while time.perf_counter() < deadline_s:
            status, body = await connection.get(path)
            if status != 200:
                raise Refused(f"{path}: {status} {body[:300].decode(errors='replace')}")
            n_answered += 1

    started_s = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for connection in connections:
            group.create_task(ask(connection))
    rate = n_answered / (time.perf_counter() - started_s)
    for connection in connections:
        connection.close()
    return rate


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that at least `percent` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100).__int__() - 1)]
