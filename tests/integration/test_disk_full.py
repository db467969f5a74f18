"""A full disk: a problem that says so, nothing half-written, not ready until there is room again."""

import errno
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, UploadFile

from buybuddy.errors import StorageFull
from buybuddy.infra.http.problems import add_problem_handlers
from buybuddy.infra.storage import ObjectStorage

ROOM_BYTES = 512 * 1024


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with little room."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={ROOM_BYTES}", "none", str(folder)]
    try:
        mounted = subprocess.run(mounting, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no `mount` here, which makes the small disk")
    if mounted.returncode != 0:
        pytest.skip(f"mounting a small disk is not allowed here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Leave no room at all."""
    filler = disk / "filler"
    with pytest.raises(OSError) as full, filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    assert full.value.errno == errno.ENOSPC
    return filler


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def parts(n: int) -> AsyncIterator[bytes]:
    for _ in range(n):
        yield bytes(100_000)


async def test_what_does_not_fit_is_refused_and_leaves_nothing(disk: Path) -> None:
    storage = ObjectStorage(f"file://{disk / 'storage'}")
    with pytest.raises(StorageFull, match=r"no room left to store frames/a/large\.png"):
        storage.put("frames/a/large.png", bytes(2 * ROOM_BYTES))
    with pytest.raises(StorageFull):
        await storage.put_stream("videos/a/source.mp4", parts(20))
    with (disk.parent / "large.mp4").open("w+b") as large:
        large.truncate(24 * 2**20)  # more than one part of obstore's
        with pytest.raises(StorageFull):
            await storage.put_stream("videos/b/source.mp4", large)
    assert storage.list_keys("frames/") == storage.list_keys("videos/") == [] == files(disk)
    storage.check_writable()
    storage.put("frames/a/small.png", b"fits")
    assert storage.get("frames/a/small.png") == b"fits"


async def test_without_any_room_storage_is_not_ready_and_with_room_again_it_is(disk: Path) -> None:
    storage = ObjectStorage(f"file://{disk / 'storage'}")
    storage.put("frames/a/small.png", b"old")
    filler = fill(disk)
    with pytest.raises(StorageFull):
        storage.check_writable()
    with pytest.raises(StorageFull):
        storage.put("frames/a/small.png", b"new")
    assert storage.get("frames/a/small.png") == b"old"
    filler.unlink()
    storage.check_writable()


async def test_temporary_files_without_room_are_the_same_problem(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = FastAPI()
    add_problem_handlers(app)

    @app.post("/form")
    async def take(file: UploadFile) -> None: ...

    @app.post("/freeze")
    async def freeze() -> None:
        with tempfile.TemporaryFile() as file:
            file.write(bytes(2 * ROOM_BYTES))

    @app.post("/broken")
    async def broken() -> None:
        raise PermissionError(errno.EACCES, "a secret path")

    monkeypatch.setattr(tempfile, "tempdir", str(disk))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        form = await client.post("/form", files={"file": bytes(4 * ROOM_BYTES)})
        for answer in (form, await client.post("/freeze")):
            assert (answer.status_code, answer.json()["code"]) == (507, "STORAGE_FULL")
            assert "retry-after" in answer.headers
        other = await client.post("/broken")
        assert (other.status_code, other.json()["code"], "secret" in other.text) == (500, "INTERNAL", False)
        assert (await client.post("/form", files={"file": b"fits"})).status_code == 200
    assert files(disk) == []
