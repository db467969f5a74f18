"""kill -9 of any process at any moment: the job completes once, and no frame or row is there twice."""

import os
import random
import time
from collections.abc import Iterator

import pytest

from tests.chaos.arena import VICTIMS, Arena, is_alive, open_arena, until


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with open_arena(tmp_path_factory.mktemp("arena")) as arena:
        yield arena


# What is killed and when: the job's attempt and its progress. At 62 % the first frames have been written.
KILLS = (("api", 1, 1), ("postgres", 1, 20), ("stage", 1, 62), ("worker", 2, 62))


def test_a_job_survives_the_death_of_each_process(arena: Arena) -> None:
    video_id = arena.upload(seed=1)
    job_id = arena.process(video_id)
    for victim, attempt, progress in KILLS:
        arena.wait_for(
            job_id,
            lambda job, at=(attempt, progress): (job.attempt, job.progress) >= at,  # type: ignore[misc]
            f"attempt {attempt} has done {progress} %",
        )
        pid = arena.kill(victim)
        until(lambda dead=pid: None if is_alive(dead) else True, f"the {victim} is dead")  # type: ignore[misc]
    arena.wait_until_done(video_id, job_id)
    assert arena.check(video_id, job_id) > 3
    assert arena.job(job_id).attempt == 3, "only the deaths of stage and worker cost an attempt"


@pytest.mark.campaign
def test_jobs_survive_random_kills(arena: Arena) -> None:
    """BUYBUDDY_CHAOS_ROUNDS rounds; BUYBUDDY_CHAOS_SEED repeats a run's choices."""
    seed = int(os.environ.get("BUYBUDDY_CHAOS_SEED") or time.time())
    dice = random.Random(seed)
    for number in range(int(os.environ.get("BUYBUDDY_CHAOS_ROUNDS", "20"))):
        started_s = time.monotonic()
        video_id = arena.upload(seed=1000 + number)
        job_id = arena.process(video_id)
        kills = []
        for victim in dice.sample(VICTIMS, dice.randint(1, 2)):
            pause_s = dice.uniform(0.0, 6.0)
            wait_until_s = time.monotonic() + pause_s
            until(lambda moment=wait_until_s: (time.monotonic() >= moment) or None, "the moment has come")  # type: ignore[misc]
            arena.kill(victim)
            kills.append(f"{victim} after {pause_s:.2f} s")
        arena.wait_until_done(video_id, job_id)
        n_frames = arena.check(video_id, job_id)
        job = arena.job(job_id)
        seconds = time.monotonic() - started_s
        how = f"{n_frames} frames, attempt {job.attempt}, {seconds:.1f} s"
        print(f"\nseed {seed}, round {number}: {', '.join(kills)}: {how}", flush=True)  # noqa: T201 - the campaign's log
