"""Ctrl-C in the middle of a job: nothing is left running, and the next start on the same home finishes the job."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from buybuddy.infra.embedded_postgres import EmbeddedPostgres
from buybuddy.supervisor import STATE_FILE
from tests.chaos.arena import Arena, command_of, descendants, is_alive, until

REPOSITORY = Path(__file__).parents[2]


@contextmanager
def up(home: Path, ending: signal.Signals) -> Iterator[Arena]:
    """`buybuddy up` as a person starts it; ended by a signal, after which no process of it may be left."""
    with (home / "up.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "buybuddy.cli", "up", "--port", "0"],
            cwd=REPOSITORY,
            env={**os.environ, "BUYBUDDY_HOME": str(home)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        until(lambda: (home / STATE_FILE).exists() or None, "the platform is up")
        yield Arena(home)
        family = descendants(process.pid)
        commands = b"\n".join(map(command_of, family))
        assert all(name in commands for name in (b"postgres", b"uvicorn", b"buybuddy.worker", b"stages.process"))
        process.send_signal(ending)
        assert process.wait(30) == 0
        assert [pid for pid in family if is_alive(pid)] == []
    finally:
        process.kill()
        process.wait()


def test_a_job_is_handed_back_at_ctrl_c_and_finished_by_the_next_start(tmp_path: Path) -> None:
    with up(tmp_path, signal.SIGINT) as arena:
        video_id = arena.upload(seed=7)
        job_id = arena.process(video_id)
        arena.wait_for(job_id, lambda job: job.progress >= 62, "frames are being written")
    with EmbeddedPostgres(tmp_path):
        row = "SELECT status, n_crashes, error_code, attempt FROM jobs WHERE id = %s"
        assert arena.sql(row, job_id) == [("queued", 0, None, 1)]
        assert arena.sql("SELECT status FROM videos WHERE id = %s", video_id) == [("processing",)]
    assert arena.files("frames") == set()
    with up(tmp_path, signal.SIGTERM) as arena:
        arena.wait_until_done(video_id, job_id)
        arena.check(video_id, job_id)
        assert arena.job(job_id).attempt == 2
