"""What was thrown away leaves storage soon, however much it is; what storage keeps holds up nothing."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from buybuddy.domain.jobs.trash_collector import TrashCollector
from buybuddy.infra.db import throw_away
from buybuddy.infra.db.trash import TrashFigures, measure_trash
from buybuddy.infra.storage import ObjectStorage
from tests.integration.conftest import Jobs

NOTES = "SELECT key_or_prefix FROM object_trash ORDER BY 1"


@pytest.fixture
def storage(tmp_path: Path) -> ObjectStorage:
    return ObjectStorage(f"file://{tmp_path / 'storage'}")


async def discard(jobs: Jobs, storage: ObjectStorage, n: int, name: Callable[[int], str]) -> None:
    for number in range(n):
        storage.put(name(number), b"picture")
    async with jobs.db.transaction() as session:
        for number in range(n):
            throw_away(session, name(number))


async def test_more_than_one_helping_goes_at_once_and_two_collectors_share_it(
    jobs: Jobs, storage: ObjectStorage
) -> None:
    await discard(jobs, storage, 3_500, lambda number: f"frames/{number // 50}/{number}.png")
    storage.put("frames/kept.png", b"kept")
    removed = await asyncio.gather(*(TrashCollector(jobs.db, storage).empty() for _ in range(2)))
    assert sum(removed) == 3_500
    assert storage.list_keys("frames/") == ["frames/kept.png"]
    assert await jobs.sql(NOTES) == []


async def test_what_storage_keeps_is_noted_for_later_and_the_rest_goes(
    jobs: Jobs, storage: ObjectStorage, tmp_path: Path
) -> None:
    await discard(jobs, storage, 5, lambda number: f"frames/a/{number}.png")
    stubborn = tmp_path / "storage" / "frames" / "a" / "stubborn.png"  # a folder is no object: deleting it fails
    stubborn.mkdir()
    (stubborn / "inside").write_bytes(b"x")
    async with jobs.db.transaction() as session:
        throw_away(session, "frames/a/stubborn.png")
        throw_away(session, "frames/never-there.png")
    assert await TrashCollector(jobs.db, storage).empty() == 6
    assert await jobs.sql(NOTES) == ["frames/a/stubborn.png"]
    assert await jobs.sql("SELECT due_at > clock_timestamp() + interval '30 s' FROM object_trash") == [True]
    (stubborn / "inside").unlink()
    stubborn.rmdir()
    await jobs.sql("UPDATE object_trash SET due_at = clock_timestamp()")
    assert await TrashCollector(jobs.db, storage).empty() == 1
    assert await jobs.sql(NOTES) == []


async def test_what_is_due_is_measured(jobs: Jobs) -> None:
    async with jobs.db.transaction() as session:
        assert await measure_trash(session) == TrashFigures(0, 0.0)
        for number in range(3):
            throw_away(session, f"frames/{number}.png", after_s=60.0 * number)
    await jobs.sql("UPDATE object_trash SET due_at = due_at - interval '90 s'")
    async with jobs.db.transaction() as session:
        n_due, oldest_s = await measure_trash(session)
    assert n_due == 2 and 89 < oldest_s < 100
