"""A platform that is attacked, and what must be true of it afterwards."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psycopg

from buybuddy.connections import database_url
from buybuddy.samples.catalogue import list_sample_products
from buybuddy.samples.clip import write_sample_clip
from buybuddy.settings import Settings
from buybuddy.supervisor import CLI_KEY_FILE, STATE_FILE, Supervisor
from buybuddy_sdk import Client, Options, QueueFull, RateLimited, Unavailable
from buybuddy_sdk.models import JobOut

PATIENCE_S = 150.0
POLL_S = 0.05
T = TypeVar("T")
VICTIMS = ("worker", "stage", "api", "postgres")


@dataclass(frozen=True)
class Arena:
    """A running platform, and the ways to hurt it and to look at it."""

    home: Path
    supervisor: Supervisor | None = None

    # --- use -------------------------------------------------------------------------------------------------------

    def client(self) -> Client:
        """Return a client that says at once what goes wrong; `until` looks again."""
        state = json.loads((self.home / STATE_FILE).read_text(encoding="utf-8"))
        key = (self.home / CLI_KEY_FILE).read_text(encoding="utf-8")
        return Client(state["url"], key, options=Options(max_retries=0))

    def upload(self, seed: int) -> str:
        """Render a clip that no other seed renders, send it, and return the video's id."""
        products = list_sample_products()
        path = self.home / f"clip-{seed}.mp4"
        write_sample_clip(products[seed % len(products)], path, seed=seed, duration_s=0.6, width_px=640, height_px=360)
        with self.client() as client:
            answer = until(lambda: client.videos.upload(path), "the upload is taken")
        return str(answer.videos[0].id)

    def process(self, video_id: str) -> str:
        """Have the video processed and return the job's id, however often the API dies meanwhile."""

        def accepted() -> str | None:
            with self.client() as client, contextlib.suppress(QueueFull):
                client.videos.process([video_id])
                return next((str(job.id) for job in client.jobs.list() if str(job.subject.id) == video_id), None)
            return None

        return until(accepted, "a job is made")

    def job(self, job_id: str) -> JobOut:
        with self.client() as client:
            return until(lambda: client.jobs.get(job_id), "the API answers")

    def wait_for(self, job_id: str, is_reached: Callable[[JobOut], bool], what: str) -> None:
        until(lambda: is_reached(self.job(job_id)) or None, what)

    # --- attack ----------------------------------------------------------------------------------------------------

    def pid_of(self, victim: str) -> int | None:
        pids = self.supervisor.pids if self.supervisor is not None else {}
        if victim != "stage":
            return pids.get(victim)
        stages = (pid for pid in descendants(pids["worker"]) if b"buybuddy.stages.process" in command_of(pid))
        return next(stages, None) if "worker" in pids else None

    def kill(self, victim: str) -> int:
        """kill -9; returns the pid that was."""
        pid = until(lambda: self.pid_of(victim), f"the {victim} runs")
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return pid

    # --- look ------------------------------------------------------------------------------------------------------

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        url = database_url(Settings.for_home(self.home))
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
            return connection.execute(statement.encode(), values).fetchall()

    def files(self, area: str) -> set[str]:
        """Return every file below an area of the storage folder, half-written ones included."""
        root = self.home / "storage"
        return {str(path.relative_to(root)) for path in (root / area).rglob("*") if path.is_file()}

    def wait_until_done(self, video_id: str, job_id: str) -> None:
        """Wait until the video's job, what follows from it and the cleaning up are over."""
        self.wait_for(job_id, lambda job: job.status in ("completed", "failed", "cancelled"), "the job ends")
        assert self.job(job_id).status == "completed", self.job(job_id)
        due = "SELECT count(*) FROM object_trash WHERE due_at <= clock_timestamp()"
        unfinished = "SELECT count(*) FROM jobs WHERE status NOT IN ('completed', 'failed', 'cancelled')"
        until(lambda: self.sql(unfinished) == [(0,)] or None, "the jobs that follow end")
        until(lambda: self.sql(due) == [(0,)] or None, "the trash is emptied")

    def check(self, video_id: str, job_id: str) -> int:
        """Assert that one job had one effect; returns the number of frames."""
        jobs = self.sql("SELECT id::text, status, attempt FROM jobs WHERE subject_id = %s", video_id)
        assert [job[:2] for job in jobs] == [(job_id, "completed")]
        told = "SELECT count(*) FROM events WHERE topic = 'job' AND payload->>'id' = %s AND payload->>'status' = %s"
        assert self.sql(told, job_id, "completed") == [(1,)]
        [(product_id, status)] = self.sql("SELECT product_id, status FROM videos WHERE id = %s", video_id)
        assert status == "completed"
        assert self.sql("SELECT id FROM products WHERE video_id = %s", video_id) == [(product_id,)]
        made = "SELECT action FROM audit_events WHERE subject_id = %s"
        assert self.sql(made, product_id) == [("product.create",)]
        frames = self.sql(
            "SELECT frame_index, storage_key, matte_key, thumbnail_key, sha256 FROM product_images"
            " WHERE video_id = %s ORDER BY frame_index",
            video_id,
        )
        assert [frame[0] for frame in frames] == list(range(len(frames)))
        prefix = f"frames/{video_id}/{job_id}/{jobs[0][2]}"
        keys = {str(key) for frame in frames for key in frame[1:4]}
        assert len(keys) == 3 * len(frames) > 0
        assert all(key.startswith(prefix + "/") for key in keys)
        assert self.files(f"frames/{video_id}") == keys
        embedding_jobs = self.sql("SELECT status FROM jobs WHERE parent_job_id = %s", job_id)
        assert embedding_jobs == [("completed",)]
        embedded = (
            "SELECT count(*), count(DISTINCT e.image_id) FROM image_embeddings e"
            " JOIN product_images i ON i.id = e.image_id WHERE i.video_id = %s"
        )
        assert self.sql(embedded, video_id) == [(len(frames), len(frames))]
        logs = "SELECT attempt, event, count(*) FROM job_logs WHERE job_id = %s GROUP BY 1, 2 HAVING count(*) > 1"
        assert self.sql(logs, job_id) == []
        assert self.files("embeddings") == set() == self.files("real-images/queries")
        return len(frames)


@contextlib.contextmanager
def open_arena(home: Path) -> Iterator[Arena]:
    """Start a platform of its own; what dies in it is started again."""
    supervisor = Supervisor(Settings.for_home(home), port=0)
    supervisor.start()
    with supervisor.watching():
        yield Arena(home, supervisor)


def descendants(pid: int) -> list[int]:
    """Return every process below one, as the kernel knows them."""
    found: list[int] = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in map(int, children.read_text().split()):
                found += [child, *descendants(child)]
    return found


def command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def is_alive(pid: int) -> bool:
    """Tell whether a process exists and is more than an entry that nobody has collected yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(look: Callable[[], T | None], what: str, patience_s: float = PATIENCE_S) -> T:
    """Return what `look` finds once it finds something; an API or a database that is away is looked at again."""
    deadline_s = time.monotonic() + patience_s
    last: Exception | None = None
    while time.monotonic() < deadline_s:
        try:
            found = look()
            if found is not None:
                return found
        except (Unavailable, RateLimited, psycopg.OperationalError) as error:
            last = error
        time.sleep(POLL_S)
    raise AssertionError(f"waited {patience_s:.0f} s in vain until {what}; last error: {last!r}")
