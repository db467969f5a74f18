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


# The moment is a progress of the job: scanning and choosing, choosing, cutting frames out, reading the label.
@pytest.mark.parametrize(("victim", "progress"), [("stage", 62), ("api", 1), ("postgres", 40), ("worker", 62)])
def test_a_job_survives_a_kill(arena: Arena, victim: str, progress: float) -> None:
    video_id = arena.upload(seed=VICTIMS.index(victim))
    job_id = arena.process(video_id)
    arena.wait_for(job_id, lambda job: job["progress"] >= progress, f"{progress} % are done")
    pid = arena.kill(victim)
    until(lambda: None if is_alive(pid) else True, f"the {victim} is dead")
    arena.wait_until_done(video_id, job_id)
    assert arena.check(video_id, job_id) > 3
    n_attempts = arena.job(job_id)["attempt"]
    assert n_attempts == (2 if victim in ("stage", "worker") else 1), "work that went on was done again"


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
        print(f"seed {seed}, round {number}: {', '.join(kills)}", end="", flush=True)  # noqa: T201 - a log of the campaign
        arena.wait_until_done(video_id, job_id)
        n_frames = arena.check(video_id, job_id)
        job = arena.job(job_id)
        print(f": {n_frames} frames, attempt {job['attempt']}, {time.monotonic() - started_s:.1f} s")  # noqa: T201
