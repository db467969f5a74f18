"""Uploads that break off go on where they were, end as one video, and leave nothing behind."""

import asyncio
import base64
import hashlib
import os
import re
import socket
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from buybuddy.connections import database_url
from buybuddy.infra.db import Database
from buybuddy.settings import Settings
from tests.conftest import RunningPlatform

MB = 1_000_000
TUS = {"Tus-Resumable": "1.0.0"}
PIECE_TYPE = "application/offset+octet-stream"


def made_up_video(n_bytes: int) -> bytes:
    """Return bytes that begin as an MP4 and were never there before."""
    head = b"\x00\x00\x00\x18ftypmp42"
    return head + os.urandom(n_bytes - len(head))


def said(**pairs: str) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())


@dataclass(frozen=True)
class Uploads:
    """The calls of a tus client, as one person makes them."""

    http: httpx.AsyncClient

    async def post(self, n_bytes: int, metadata: str = "") -> httpx.Response:
        headers = {**TUS, "Upload-Length": str(n_bytes), "Upload-Metadata": metadata}
        return await self.http.post("/api/v1/videos/uploads", headers=headers)

    async def begin(self, n_bytes: int, metadata: str = "") -> str:
        answer = await self.post(n_bytes, metadata)
        assert answer.status_code == 201, answer.text
        assert answer.headers["upload-expires"].endswith("GMT") and answer.headers["tus-resumable"] == "1.0.0"
        return str(answer.headers["location"])

    async def head(self, url: str) -> httpx.Response:
        return await self.http.head(url, headers=TUS)

    async def offset(self, url: str) -> int:
        answer = await self.head(url)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        return int(answer.headers["upload-offset"])

    async def patch(self, url: str, offset: int, data: bytes | AsyncIterator[bytes]) -> httpx.Response:
        headers = {**TUS, "Upload-Offset": str(offset), "Content-Type": PIECE_TYPE}
        return await self.http.patch(url, headers=headers, content=data)

    async def settled_offset(self, url: str) -> int:
        """Return where an upload is once its last request has ended."""
        async with asyncio.timeout(40):
            while (await self.patch(url, offset := await self.offset(url), b"")).status_code != 204:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        return offset

    async def look(self, url: str) -> dict[str, object]:
        answer = await self.http.get(url)
        assert answer.status_code == 200, answer.text
        found: dict[str, object] = answer.json()
        return found

    async def video(self, url: str) -> dict[str, object]:
        """Return the video that an upload has become."""
        answer = await self.http.get(f"/api/v1/videos/{(await self.look(url))['video_id']}")
        assert answer.status_code == 200, answer.text
        found: dict[str, object] = answer.json()
        return found


@pytest.fixture
async def admin(platform: RunningPlatform) -> AsyncIterator[Uploads]:
    headers = {"Authorization": f"Bearer {platform.key}"}
    async with httpx.AsyncClient(base_url=platform.url, headers=headers, timeout=60) as http:
        yield Uploads(http)


async def new_operator(platform: RunningPlatform, admin: Uploads) -> Uploads:
    name, password = f"operator-{uuid.uuid4().hex[:8]}", "a password for tests"
    body = {"username": name, "role": "operator", "password": password}
    assert (await admin.http.post("/api/v1/auth/users", json=body)).status_code == 201
    http = httpx.AsyncClient(base_url=platform.url, timeout=60)
    answer = await http.post("/api/v1/auth/login", json={"username": name, "password": password})
    http.cookies.clear()
    http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return Uploads(http)


@pytest.fixture
async def operators(platform: RunningPlatform, admin: Uploads) -> AsyncIterator[tuple[Uploads, Uploads]]:
    one, other = await new_operator(platform, admin), await new_operator(platform, admin)
    yield one, other
    await one.http.aclose()
    await other.http.aclose()


@pytest.fixture
async def platform_db(platform: RunningPlatform) -> AsyncIterator[Database]:
    db = Database(database_url(Settings.for_home(platform.home)))
    yield db
    await db.close()


def parts_of(platform: RunningPlatform, url: str) -> list[Path]:
    folder = platform.home / "storage" / "videos" / "uploads" / url.rpartition("/")[2]
    return [path for path in folder.rglob("*") if path.is_file()]


async def until_gone(platform: RunningPlatform, url: str) -> None:
    async with asyncio.timeout(30):
        while parts_of(platform, url):  # noqa: ASYNC110 - another process removes them
            await asyncio.sleep(0.1)


def cut_in_the_middle(platform: RunningPlatform, url: str, offset: int, n_promised: int, data: bytes) -> None:
    """Promise more bytes than are sent, and leave without a word."""
    host, port = httpx.URL(platform.url).host, httpx.URL(platform.url).port
    head = (
        f"PATCH {url} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {platform.key}\r\n"
        f"Tus-Resumable: 1.0.0\r\nContent-Type: {PIECE_TYPE}\r\n"
        f"Upload-Offset: {offset}\r\nContent-Length: {n_promised}\r\n\r\n"
    )
    with socket.create_connection((host, port or 80)) as raw:
        raw.sendall(head.encode() + data)
        time.sleep(0.2)  # else the reset may overtake what was sent
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


async def test_an_upload_that_is_cut_again_and_again_becomes_the_very_same_bytes(
    platform: RunningPlatform, admin: Uploads
) -> None:
    whole = made_up_video(11 * MB)
    metadata = said(filename="cut/4006381333931.mp4", more="ü")
    url = await admin.begin(len(whole), metadata)
    assert (await admin.head(url)).headers["upload-metadata"] == metadata
    offset = 0
    for n_sent in (7 * MB, 300_000, 3):
        sent = whole[offset : offset + n_sent]
        await asyncio.to_thread(cut_in_the_middle, platform, url, offset, len(whole) - offset, sent)
        reached = await admin.settled_offset(url)
        assert offset <= reached <= offset + n_sent
        offset = reached
    assert offset > 4 * 1024**2, "what arrived is kept"
    for n_sent in (1, 2, 1024):
        offset += n_sent
        assert (await admin.patch(url, offset - n_sent, whole[offset - n_sent : offset])).status_code == 204
    answer = await admin.patch(url, offset, whole[offset:])
    assert answer.status_code == 204, answer.text
    assert int(answer.headers["upload-offset"]) == len(whole) == await admin.offset(url)
    video = await admin.video(url)
    assert video["sha256"] == hashlib.sha256(whole).hexdigest()
    assert (video["size_bytes"], video["filename"], video["barcode"]) == (
        len(whole), "4006381333931.mp4", "4006381333931",
    )  # fmt: skip
    media = await admin.http.get(str(video["media_url"]))
    assert media.content == whole
    late = await admin.patch(url, offset, whole[offset:])  # its answer was lost
    assert (late.status_code, late.json()["current_offset"]) == (409, len(whole))
    assert (await admin.patch(url, len(whole), b"")).status_code == 204
    await until_gone(platform, url)


async def test_a_piece_goes_where_the_upload_is_and_nowhere_else(platform: RunningPlatform, admin: Uploads) -> None:
    whole = made_up_video(20_000)
    url = await admin.begin(len(whole))
    assert (await admin.patch(url, 5, whole[5:])).status_code == 409
    assert (await admin.patch(url, 0, whole[:500])).headers["upload-offset"] == "500"
    assert (await admin.patch(url, 0, whole[:500])).status_code == 409
    too_much = await admin.patch(url, 500, whole)
    assert (too_much.status_code, too_much.headers["tus-resumable"]) == (413, "1.0.0")

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield whole

    assert (await admin.patch(url, 500, endless())).status_code == 413
    assert await admin.offset(url) == 500
    no_type = await admin.http.patch(url, headers={**TUS, "Upload-Offset": "500", "Content-Type": "text/plain"})
    assert no_type.status_code == 415
    other_version = await admin.http.head(url, headers={"Tus-Resumable": "0.2.0"})
    assert (other_version.status_code, other_version.headers["tus-version"]) == (412, "1.0.0")
    assert (await admin.http.delete(url)).status_code == 412
    assert (await admin.http.delete(url, headers=TUS)).status_code == 204


async def test_crumbs_do_not_become_objects(admin: Uploads, platform_db: Database) -> None:
    whole = made_up_video(30)
    url = await admin.begin(len(whole))
    for offset in range(29):
        assert (await admin.patch(url, offset, whole[offset : offset + 1])).status_code == 204
    async with platform_db.transaction() as session:
        parts = text("SELECT cardinality(parts) FROM video_uploads WHERE id = :id")
        assert await session.scalar(parts, {"id": url.rpartition("/")[2]}) == 1
    assert (await admin.patch(url, 29, whole[29:])).status_code == 204
    assert (await admin.video(url))["sha256"] == hashlib.sha256(whole).hexdigest()


async def test_of_two_at_once_one_adds_and_the_other_is_refused(admin: Uploads) -> None:
    whole = made_up_video(9 * MB)
    url = await admin.begin(len(whole))

    async def slowly() -> AsyncIterator[bytes]:
        for start in range(0, len(whole), MB):
            yield whole[start : start + MB]
            await asyncio.sleep(0.05)

    answers = await asyncio.gather(*(admin.patch(url, 0, slowly()) for _ in range(3)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] == 204 and set(statuses[1:]) <= {423, 409}
    assert (await admin.video(url))["sha256"] == hashlib.sha256(whole).hexdigest()


async def test_an_upload_is_its_users_own(admin: Uploads, operators: tuple[Uploads, Uploads]) -> None:
    one, other = operators
    whole = made_up_video(3_000)
    url = await one.begin(len(whole), said(filename="own.mp4"))
    assert (await other.head(url)).status_code == 404
    assert (await other.http.get(url)).status_code == 404
    assert (await other.patch(url, 0, whole)).status_code == 404
    assert (await other.http.delete(url, headers=TUS)).status_code == 404
    assert (await admin.look(url))["offset"] == 0
    assert (await one.patch(url, 0, whole)).status_code == 204
    audit = (await admin.http.get("/api/v1/audit", params={"action": "video.upload", "limit": 1})).json()
    assert "own.mp4" in str(audit)


async def test_a_user_begins_no_more_than_twenty(operators: tuple[Uploads, Uploads]) -> None:
    one, other = operators
    answers = await asyncio.gather(*(one.post(100) for _ in range(24)))
    assert sorted(answer.status_code for answer in answers) == [201] * 20 + [409] * 4
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"TOO_MANY_UPLOADS"}
    assert (await other.post(100)).status_code == 201
    begun = [answer.headers["location"] for answer in answers if answer.status_code == 201]
    assert (await one.http.delete(begun[0], headers=TUS)).status_code == 204
    assert (await one.post(100)).status_code == 201


@pytest.mark.parametrize(
    ("n_bytes", "metadata", "status"),
    [
        (0, "", 422),
        (5 * 1024**3, "", 413),
        (2**63 - 1, "", 413),
        (2**64, "", 422),
        (-1, "", 422),
        (100, "filename not-base64!", 400),
        (100, "filename /w==", 400),
        (100, "a b c,,", 400),
        (100, said(barcode="../../etc"), 400),
        (100, said(filename="\0\n\x1b.mp4", barcode="4006 3813 33931"), 201),
    ],
)
async def test_what_cannot_be_taken_is_refused_before_it_is_sent(
    admin: Uploads, n_bytes: int, metadata: str, status: int
) -> None:
    answer = await admin.post(n_bytes, metadata)
    assert answer.status_code == status, answer.text
    if status == 201:
        assert (await admin.look(answer.headers["location"]))["filename"] == ".mp4"
        await admin.http.delete(answer.headers["location"], headers=TUS)
    capabilities = await admin.http.options("/api/v1/videos/uploads")
    assert capabilities.status_code == 204
    assert capabilities.headers["tus-extension"] == "creation,expiration,termination"
    assert capabilities.headers["tus-version"] == "1.0.0"
    assert capabilities.headers["tus-max-size"] == str(4 * 1024**3)


async def test_what_is_no_video_is_refused_with_its_last_byte_and_leaves_nothing(
    platform: RunningPlatform, admin: Uploads
) -> None:
    junk = b"<html>" + os.urandom(6 * MB)
    url = await admin.begin(len(junk), said(filename="page.mp4"))
    assert (await admin.patch(url, 0, junk[: 5 * MB])).status_code == 204
    for _ in range(2):
        offset = await admin.offset(url)
        refused = await admin.patch(url, offset, junk[offset:])
        assert (refused.status_code, refused.json()["code"]) == (422, "UNREADABLE_MEDIA")
    found = await admin.look(url)
    assert (found["offset"], found["video_id"]) == (len(junk), None)
    assert found["rejected_reason"] == refused.json()["detail"]
    await until_gone(platform, url)


async def test_the_same_bytes_are_the_same_video_whichever_way_they_come(admin: Uploads) -> None:
    whole = made_up_video(6 * MB)
    urls = [await admin.begin(len(whole), said(filename=f"{n}.mov", barcode="4006381333931")) for n in range(3)]
    answers = await asyncio.gather(*(admin.patch(url, 0, whole) for url in urls))
    assert [answer.status_code for answer in answers] == [204] * 3
    files = {"files": ("again.mp4", whole)}
    sent = (await admin.http.post("/api/v1/videos/upload", files=files)).json()["videos"]
    assert {sent[0]["id"]} == {(await admin.look(url))["video_id"] for url in urls}
    assert sent[0]["barcode"] == "4006381333931"


async def test_what_is_deleted_or_expired_frees_its_parts(
    platform: RunningPlatform, admin: Uploads, platform_db: Database
) -> None:
    whole = made_up_video(6 * MB)
    deleted, expired = [await admin.begin(len(whole)) for _ in range(2)]
    for url in (deleted, expired):
        assert (await admin.patch(url, 0, whole[: 5 * MB])).status_code == 204
        assert len(parts_of(platform, url)) == 2
    assert (await admin.http.delete(deleted, headers=TUS)).status_code == 204
    assert (await admin.head(deleted)).status_code == 404
    async with platform_db.transaction() as session:
        upload_id = expired.rpartition("/")[2]
        back = "clock_timestamp() - interval '1 second'"
        await session.execute(text(f"UPDATE video_uploads SET expires_at = {back} WHERE id = '{upload_id}'"))
        prefix = f"videos/uploads/{upload_id}/"
        await session.execute(text(f"UPDATE object_trash SET due_at = {back} WHERE key_or_prefix = '{prefix}'"))
    assert (await admin.head(expired)).status_code == 404
    assert (await admin.patch(expired, 5 * MB, whole[5 * MB :])).status_code == 404
    await until_gone(platform, deleted)
    await until_gone(platform, expired)
    await admin.http.delete(await admin.begin(100), headers=TUS)
    async with platform_db.transaction() as session:
        left = await session.scalar(text(f"SELECT count(*) FROM video_uploads WHERE id = '{upload_id}'"))
    assert left == 0, "the next one to begin clears the row away"


async def test_storage_that_refuses_is_said_and_the_upload_goes_on_later(
    platform: RunningPlatform, admin: Uploads
) -> None:
    whole = made_up_video(6 * MB)
    url = await admin.begin(len(whole))
    assert (await admin.patch(url, 0, whole[: 2 * MB])).status_code == 204
    folder = parts_of(platform, url)[0].parent
    folder.rename(folder.with_suffix(".away"))
    folder.write_bytes(b"in the way")
    refused = await admin.patch(url, 2 * MB, whole[2 * MB :])
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    assert await admin.offset(url) == 2 * MB
    folder.unlink()
    folder.with_suffix(".away").rename(folder)
    assert (await admin.patch(url, 2 * MB, whole[2 * MB :])).status_code == 204
    assert (await admin.video(url))["sha256"] == hashlib.sha256(whole).hexdigest()


def api_process(platform: RunningPlatform) -> int:
    """Return the id of the API's process."""
    for child in platform.supervisor.children:
        if child.name == "api" and child.process is not None:
            return child.process.pid
    raise AssertionError("no API process")


def peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) / 1024


@pytest.fixture
def peak_from_now(platform: RunningPlatform) -> Iterator[int]:
    """The API's process, its peak of memory forgotten."""
    pid = api_process(platform)
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="utf-8")
    yield pid


async def test_fifty_megabytes_pass_through_in_bounded_memory(admin: Uploads, peak_from_now: int) -> None:
    before = peak_mb(peak_from_now)
    whole = made_up_video(50 * MB)
    url = await admin.begin(len(whole))

    async def in_chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(whole), MB):
            yield whole[start : start + MB]

    assert (await admin.patch(url, 0, in_chunks())).status_code == 204
    assert (await admin.video(url))["sha256"] == hashlib.sha256(whole).hexdigest()
    assert peak_mb(peak_from_now) - before < 64
