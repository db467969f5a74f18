"""Live events over real HTTP: who hears what, coming back, who is cut."""

import asyncio
import datetime as dt
import json
import random
import re
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import text
from starlette.types import Message

from buybuddy.connections import database_url
from buybuddy.domain.accounts.access import Principal
from buybuddy.domain.accounts.identity_repository import Account
from buybuddy.domain.activity import streams
from buybuddy.infra.db import Database, emit, new_id
from buybuddy.infra.db.event_feed import EventFeed
from buybuddy.infra.db.reader import Reader
from buybuddy.infra.http.streaming import TooManyStreams
from buybuddy.settings import Settings
from tests.conftest import RunningPlatform
from tests.contract.test_access_roles import People, bearer, people

__all__ = ["people"]  # the fixture

N_STREAMS, N_CUTS, N_CHANGES = 20, 100, 150
SOON_S = 5.0


@pytest.fixture
async def home_db(platform: RunningPlatform) -> AsyncIterator[Database]:
    database = Database(database_url(Settings.for_home(platform.home)))
    yield database
    await database.close()


@dataclass
class Line:
    """One open stream, as a browser reads it."""

    platform: RunningPlatform
    token: str
    query: str = ""
    last_id: int | None = None
    seen: list[tuple[int, str, dict[str, object]]] = field(default_factory=list)

    async def open(self) -> None:
        address = urlsplit(self.platform.url)
        self.reader, self.writer = await asyncio.open_connection(address.hostname, address.port)
        after = f"Last-Event-ID: {self.last_id}\r\n" if self.last_id is not None else ""
        head = (
            f"GET /api/v1/events{self.query} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.token}\r\n{after}\r\n"
        )
        self.writer.write(head.encode())
        opening = await self.reader.readuntil(b"retry: 1000\n\n")
        assert opening.startswith(b"HTTP/1.1 200"), opening

    async def read(self, n_events: int | None = None) -> bool:
        """Read so many events, or until the line ends; return whether it has ended."""
        event_id, topic = 0, ""
        while n_events is None or n_events > 0:
            line = (await self.reader.readline()).decode()
            if not line or line == "0\r\n":
                return True
            if line.startswith("id: "):
                event_id = int(line[4:])
            elif line.startswith("event: "):
                topic = line[7:].strip()
            elif line.startswith("data: "):
                self.seen.append((event_id, topic, json.loads(line[6:])))
                self.last_id = event_id
                n_events = None if n_events is None else n_events - 1
        return False

    async def close(self) -> None:
        self.writer.close()
        await asyncio.gather(self.writer.wait_closed(), return_exceptions=True)


def resident_bytes(pid: int) -> int:
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) * 1024


def is_held_by_a_process(client_port: int) -> bool:
    """Tell whether the other end of a local connection is still open in some process; such a socket has an inode."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(int(row[2].split(":")[1], 16) == client_port and row[9] != "0" for row in rows)


async def n_streams_cut(platform: RunningPlatform) -> int:
    async with httpx.AsyncClient(base_url=platform.url, headers=bearer(platform.key)) as http:
        metrics = (await http.get("/metrics")).text
    [number] = re.findall(r"^buybuddy_event_streams_cut_total (\d+)\.0$", metrics, re.MULTILINE)
    return int(number)


async def change(db: Database, n: int, **more: object) -> list[int]:
    """Commit one event after another, and return their ids."""
    async with db.transaction() as session:
        newest = await session.scalar(text("SELECT coalesce(max(id), 0) FROM events"))
    for number in range(n):
        async with db.transaction() as session:
            emit(session, "job", {"id": "a test", "number": number, **more})
    async with db.transaction() as session:
        ids = await session.scalars(
            text("SELECT id FROM events WHERE id > :id AND payload->>'id' = 'a test' ORDER BY id"), {"id": newest}
        )
        return list(ids)


async def test_lines_that_break_all_the_time_miss_nothing_and_double_nothing(
    platform: RunningPlatform, home_db: Database
) -> None:
    dice, n_cuts = random.Random(11), 0
    lines = [Line(platform, platform.key, "?topics=job") for _ in range(N_STREAMS)]
    [first_id] = await change(home_db, 1)

    async def follow(line: Line) -> None:
        nonlocal n_cuts
        line.last_id = first_id
        while len(line.seen) < N_CHANGES:
            await line.open()
            wanted = dice.randint(1, 30) if n_cuts < N_CUTS else N_CHANGES
            await line.read(min(wanted, N_CHANGES - len(line.seen)))
            await line.close()
            n_cuts += 1

    async with asyncio.timeout(60):
        following = [asyncio.create_task(follow(line)) for line in lines]
        ids = await change(home_db, N_CHANGES)
        await asyncio.gather(*following)
    assert n_cuts >= N_CUTS
    for line in lines:
        assert [event_id for event_id, _, _ in line.seen] == ids


async def test_a_notification_is_heard_by_its_user_only(
    platform: RunningPlatform, people: People, home_db: Database
) -> None:
    ids, lines = {}, {}
    for name in ("ada", "ben"):
        ids[name], username = people.add("viewer", name)
        lines[name] = Line(platform, people.sign_in(username), "?topics=notification&topics=video")
        await lines[name].open()
    lines["ben too"] = Line(platform, lines["ben"].token)
    await lines["ben too"].open()
    async with home_db.transaction() as session:
        emit(session, "notification", {"audience_user_id": ids["ada"], "id": None, "change": "created"})
        emit(session, "video", {"id": "v", "change": "updated"})
    async with asyncio.timeout(SOON_S):
        await lines["ada"].read(2)
        await lines["ben"].read(1)
        while not lines["ben too"].seen or lines["ben too"].seen[-1][1:] != ("video", {"id": "v", "change": "updated"}):
            await lines["ben too"].read(1)
    heard = {name: [(topic, data) for _, topic, data in line.seen] for name, line in lines.items()}
    video = ("video", {"id": "v", "change": "updated"})
    assert heard["ada"] == [("notification", {"id": None, "change": "created"}), video]
    assert heard["ben"] == [video]
    assert "notification" not in {topic for topic, _ in heard["ben too"]}
    late = Line(platform, lines["ben"].token, f"?topics=notification&topics=video&after={lines['ada'].seen[0][0] - 1}")
    await late.open()
    async with asyncio.timeout(SOON_S):
        await late.read(1)
    assert [data for _, _, data in late.seen] == [video[1]], "neither when it is replayed"
    for line in (*lines.values(), late):
        await line.close()


@pytest.mark.parametrize("how", ["signs out", "is disabled", "key is revoked", "session lapses"])
async def test_whoever_may_no_longer_listen_is_cut_off(
    platform: RunningPlatform, people: People, home_db: Database, how: str
) -> None:
    user_id, username = people.add("operator", "leaving")
    token = people.sign_in(username)
    key_id, key = people.key(token)
    line = Line(platform, key if how == "key is revoked" else token)
    other = Line(platform, people.admin)
    await line.open()
    await other.open()
    reading = asyncio.create_task(line.read())
    match how:
        case "signs out":
            people.http.post("/api/v1/auth/logout", headers=bearer(token))
        case "is disabled":
            edit = {"version": 1, "is_disabled": True}
            people.http.patch(f"/api/v1/auth/users/{user_id}", json=edit, headers=bearer(people.admin))
        case "key is revoked":
            people.http.delete(f"/api/v1/auth/api-keys/{key_id}", headers=bearer(token))
        case _:
            async with home_db.transaction() as session:
                lapse = text("UPDATE sessions SET expires_at = clock_timestamp() WHERE user_id = :id")
                await session.execute(lapse, {"id": user_id})
    async with asyncio.timeout(streams.ACCESS_CHECK_S + 2 if how == "session lapses" else 2):
        assert await reading
    await change(home_db, 1)
    async with asyncio.timeout(SOON_S):
        assert not await other.read(1), "everybody else listens on"
    await other.close()
    await line.close()


async def test_a_client_that_takes_nothing_costs_little_and_is_dropped(
    platform: RunningPlatform, people: People, home_db: Database
) -> None:
    api_pid = platform.supervisor.pids["api"]
    address = urlsplit(platform.url)
    slow = []
    for _ in range(5):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((address.hostname, address.port))
        client.sendall(
            f"GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {platform.key}\r\n\r\n".encode()
        )
        slow.append(client)
    quick = Line(platform, people.admin, "?topics=job")
    await quick.open()
    await change(home_db, 1)
    await quick.read(1)
    assert all(is_held_by_a_process(client.getsockname()[1]) for client in slow)
    before, cut_before = resident_bytes(api_pid), await n_streams_cut(platform)
    n_events, filling = 3_400, "x" * 4_000  # more than sockets, buffers and the window hold

    async def write() -> None:
        for _ in range(n_events // 100):
            async with home_db.transaction() as session:
                for number in range(100):
                    emit(session, "job", {"id": "filling", "number": number, "filling": filling})

    async with asyncio.timeout(60):
        writing = asyncio.create_task(write())
        await quick.read(n_events)
        await writing
        while any(is_held_by_a_process(client.getsockname()[1]) for client in slow):  # noqa: ASYNC110 - the API does it
            await asyncio.sleep(0.2)  # dropped, not only ended once they have taken everything
    assert await n_streams_cut(platform) >= cut_before + len(slow)
    grown = resident_bytes(api_pid) - before
    assert grown < 5 * 2 * 10**6 + 40 * 10**6, f"{grown / 1e6:.0f} MB"
    assert len(quick.seen) == n_events + 1, "nobody waits for the slow ones"
    for client in slow:
        client.close()
    await quick.close()


async def test_what_cannot_be_replayed_begins_anew(platform: RunningPlatform) -> None:
    line = Line(platform, platform.key, last_id=10**12)
    await line.open()
    async with asyncio.timeout(SOON_S):
        assert await line.read()
    [(newest_id, topic, data)] = line.seen
    assert (topic, data) == ("resync", {}) and newest_id < 10**12
    await line.close()
    async with httpx.AsyncClient(base_url=platform.url, headers=bearer(platform.key)) as http:
        for query in ("topics=nonsense", "after=-1"):
            assert (await http.get(f"/api/v1/events?{query}")).status_code == 422


async def test_one_user_cannot_take_every_stream(db: Database) -> None:
    now = dt.datetime.now(dt.UTC)
    ada, ben = (
        Principal(Account(new_id(), name, None, "viewer", "local", 1, None, now), "viewer", session_id=None)
        for name in ("ada", "ben")
    )
    feed = EventFeed(db)
    await feed.start()
    hub = streams.StreamHub(feed, Reader(db.dsn), most_of_one=2)
    first, second = (streams.EventStream(hub, ada, None, frozenset()) for _ in range(2))
    with hub.watching(first):
        hub.refuse_too_many(ada.user.id)
        with hub.watching(second):
            with pytest.raises(TooManyStreams, match="You have 2 event streams open"):
                hub.refuse_too_many(ada.user.id)
            hub.refuse_too_many(ben.user.id)
        hub.refuse_too_many(ada.user.id)
    await feed.stop()


async def test_a_line_of_rare_topics_is_kept_open_while_others_are_told_a_lot(db: Database) -> None:
    now = dt.datetime.now(dt.UTC)
    listening = Principal(Account(new_id(), "ada", None, "viewer", "local", 1, None, now), "viewer", session_id=None)
    feed = EventFeed(db)
    await feed.start()
    hub = streams.StreamHub(feed, Reader(db.dsn))
    stream = streams.EventStream(hub, listening, None, frozenset({"video"}), silence_s=0.3)
    told: list[bytes] = []

    async def send(message: Message) -> None:
        told.append(message.get("body", b""))

    async def receive() -> Message:
        await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    line = asyncio.create_task(stream({}, receive, send))
    [first_id] = await change(db, 1)
    async with asyncio.timeout(SOON_S):
        while not (quiet := [body for body in told if body.startswith(b": quiet")]):
            await change(db, 1)
    assert int(quiet[0].split()[-1]) >= first_id, "and can come back from there"
    stream.end()
    await line
    assert not any(b"event: " in body for body in told)
    await feed.stop()
