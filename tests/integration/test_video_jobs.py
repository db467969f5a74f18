"""Videos and their jobs side by side: whatever many people and workers do at once, nobody waits in a circle."""

import asyncio
import random
import uuid

import pytest
from sqlalchemy import text

from buybuddy.domain.jobs import service
from buybuddy.domain.jobs.sweeping import sweep
from buybuddy.domain.videos import repository as videos_repository
from buybuddy.domain.videos import service as videos
from buybuddy.errors import Conflict, QueueFull, StageCrashed, StaleAttempt
from buybuddy.infra.db import Session, new_id
from tests.integration.conftest import SOMEBODY, Jobs

N_VIDEOS, N_HANDS, N_STEPS = 6, 8, 20
UNFINISHED = "('pending', 'queued', 'processing')"


@pytest.fixture
async def video_ids(jobs: Jobs) -> list[uuid.UUID]:
    await jobs.sql("TRUNCATE videos CASCADE")
    ids = [new_id() for _ in range(N_VIDEOS)]
    async with jobs.db.transaction() as session:
        for number, video_id in enumerate(ids):
            await videos_repository.add_video(
                session,
                id=video_id,
                source="upload",
                filename=f"{number}.mp4",
                storage_key=f"videos/{video_id}/source.mp4",
                barcode=None,
                status="pending",
                size_bytes=1,
                sha256=f"{number:064d}",
            )
    return ids


async def do_something(jobs: Jobs, session: Session, dice: random.Random, video_ids: list[uuid.UUID]) -> None:
    what = dice.choice(["process", "process", "claim", "claim", "fail", "hand back", "cancel", "sweep", "progress"])
    if what == "process":
        await videos.process_videos(session, jobs.board, dice.sample(video_ids, dice.randint(1, N_VIDEOS)), SOMEBODY)
        return
    if what == "sweep":
        await sweep(session, jobs.board)
        return
    wanted = "processing" if what in ("fail", "hand back", "progress") else "queued" if what == "claim" else None
    chosen = f"SELECT id, attempt FROM jobs WHERE status IN {UNFINISHED} AND status = coalesce(:s, status)"
    found = (await session.execute(text(f"{chosen} ORDER BY random() LIMIT 1"), {"s": wanted})).first()
    if found is None:
        return
    if what == "claim":
        await service.claim(session, jobs.board, found.id)
    elif what == "fail":
        await service.fail_attempt(session, jobs.board, found.id, found.attempt, StageCrashed("crashed"))
    elif what == "hand back":
        await service.hand_back(session, jobs.board, found.id, found.attempt)
    elif what == "progress":
        await service.report_progress(session, jobs.board, found.id, found.attempt, dice.random(), "working")
    else:
        await service.request_cancel(session, jobs.board, found.id, SOMEBODY)


async def test_nobody_waits_in_a_circle_and_no_video_is_worked_on_twice(jobs: Jobs, video_ids: list[uuid.UUID]) -> None:
    """A circle of waits is broken by the server with an error, which would surface here as Unavailable."""

    async def act(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(N_STEPS):
            try:
                async with jobs.db.transaction() as session:
                    await do_something(jobs, session, dice, video_ids)
            except (QueueFull, Conflict, StaleAttempt):
                pass
            twice = f"SELECT subject_id FROM jobs WHERE status IN {UNFINISHED} GROUP BY 1 HAVING count(*) > 1"
            assert await jobs.sql(twice) == []

    await asyncio.gather(*(act(seed) for seed in range(N_HANDS)))
    assert (await jobs.sql("SELECT count(*) > 5 FROM jobs")) == [True]
    working = "SELECT v.id FROM videos v WHERE (v.status = 'processing') <> EXISTS ("
    working += "SELECT 1 FROM jobs j WHERE j.subject_id = v.id AND j.status IN ('queued', 'processing'))"
    assert await jobs.sql(working) == [], "a video's status says what its job does"
