"""Long work: looking at it, waiting for it, stopping it."""

import builtins
import time
from collections.abc import Callable, Iterable
from typing import Any, Self, TypeAlias

from pydantic import PrivateAttr

from buybuddy_sdk._async.pager import AsyncPager
from buybuddy_sdk._async.transport import AsyncTransport, Call
from buybuddy_sdk._page import Ref, id_of, in_path
from buybuddy_sdk._pauses import async_sleep
from buybuddy_sdk._progress import Bars, open_bars
from buybuddy_sdk.errors import DeadlineExceeded, JobFailed
from buybuddy_sdk.models import JobLogOut, JobOut, QueueStatusOut

ENDED = frozenset({"completed", "failed", "cancelled"})
FIRST_LOOK_S, LONGEST_LOOK_S = 0.2, 2.0

OnJob: TypeAlias = Callable[[JobOut], None]


class AsyncJob(JobOut):
    """A job as it was when it was read last."""

    _jobs: "AsyncJobs" = PrivateAttr()

    @classmethod
    def of(cls, jobs: "AsyncJobs", document: Any) -> Self:
        """Build a job that can be asked for more."""
        job = cls.model_validate(document)
        job._jobs = jobs
        return job

    @property
    def is_ended(self) -> bool:
        """Whether nothing more happens to it."""
        return self.status in ENDED

    def raise_for_status(self) -> Self:
        """Return the job when it has completed. Raises: JobFailed."""
        if self.status != "completed":
            raise JobFailed(self)
        return self

    async def refresh(self) -> "AsyncJob":
        """Return the job as it is now."""
        return await self._jobs.get(self)

    async def wait(
        self, timeout: float | None = None, on_progress: OnJob | None = None, *, progress: bool | None = None
    ) -> "AsyncJob":
        """Return the job once it has ended, well or not; see Jobs.wait."""
        return (await self._jobs.wait([self], timeout, on_progress, progress=progress))[0]

    async def cancel(self) -> "AsyncJob":
        """Cancel it; one that runs stops within seconds."""
        return await self._jobs.cancel(self)

    async def retry(self) -> "AsyncJob":
        """Start a failed or cancelled job again, as a new job."""
        return await self._jobs.retry(self)

    def logs(self) -> AsyncPager[JobLogOut]:
        """Iterate over its log, oldest first."""
        return self._jobs.logs(self)

    def children(self) -> AsyncPager["AsyncJob"]:
        """Iterate over the jobs that it has started."""
        return self._jobs.list(parent=self)


class AsyncJobs:
    """`client.jobs`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def bind(self, document: Any) -> AsyncJob:
        """Build a job from its document."""
        return AsyncJob.of(self, document)

    def list(
        self, *, type: str | None = None, status: str | None = None, parent: Ref | None = None
    ) -> AsyncPager[AsyncJob]:
        """Iterate over jobs, newest first."""
        parent_id = None if parent is None else id_of(parent)
        params = {"type": type, "status": status, "parent_job_id": parent_id}
        return AsyncPager(self._transport, "/jobs", self.bind, params)

    async def get(self, job: Ref) -> AsyncJob:
        """Return one job."""
        return await self._transport.read_as(self.bind, Call("GET", _path(job)))

    async def cancel(self, job: Ref) -> AsyncJob:
        """Cancel a job; one that runs stops within seconds."""
        return await self._transport.read_as(self.bind, Call("POST", f"{_path(job)}/cancel"))

    async def retry(self, job: Ref) -> AsyncJob:
        """Start a failed or cancelled job again, as a new job."""
        return await self._transport.read_as(self.bind, Call("POST", f"{_path(job)}/retry"))

    def logs(self, job: Ref) -> AsyncPager[JobLogOut]:
        """Iterate over a job's log, oldest first."""
        return AsyncPager(self._transport, f"{_path(job)}/logs", JobLogOut.model_validate, {})

    async def queue_status(self) -> builtins.list[QueueStatusOut]:
        """Say for each type how many slots there are, how many are taken and how many jobs wait."""
        return await self._transport.read_list(QueueStatusOut, Call("GET", "/jobs/queue-status"))

    async def set_limit(self, job_type: str, max_concurrent: int) -> None:
        """Change how many jobs of a type may run at once."""
        body = {"max_concurrent": max_concurrent}
        await self._transport.send(Call("PUT", f"/jobs/limits/{in_path(job_type)}", json=body))

    async def wait(
        self,
        jobs: Iterable[Ref],
        timeout: float | None = None,
        on_progress: OnJob | None = None,
        *,
        progress: bool | None = None,
    ) -> builtins.list[AsyncJob]:
        """Return jobs, in the order given, once all of them have ended, well or not.

        Args:
            timeout: in seconds; None waits as long as it takes.
            on_progress: hears of every look at a job.
            progress: bars on standard error; None shows them on a terminal when nobody else listens.
        Raises: DeadlineExceeded; the jobs go on.
        """
        ids = [id_of(job) for job in jobs]
        ended: dict[str, AsyncJob] = {}
        ends_at_s = None if timeout is None else time.monotonic() + timeout
        look_s = FIRST_LOOK_S
        with open_bars(False if progress is None and on_progress is not None else progress) as bars:
            while True:
                for job_id in dict.fromkeys(ids):
                    if job_id not in ended:
                        await self._look(job_id, ended, bars, on_progress)
                if len(ended) == len(set(ids)):
                    return [ended[job_id] for job_id in ids]
                if ends_at_s is not None and time.monotonic() + look_s > ends_at_s:
                    raise DeadlineExceeded(f"{len(set(ids)) - len(ended)} jobs have not ended within {timeout} s.")
                await async_sleep(look_s)
                look_s = min(look_s * 1.3, LONGEST_LOOK_S)

    async def _look(self, job_id: str, ended: dict[str, AsyncJob], bars: Bars, on_progress: OnJob | None) -> None:
        job = await self.get(job_id)
        bars.show(job_id, job.subject.label, job.progress, 100.0, job.current_step or job.status)
        if on_progress is not None:
            on_progress(job)
        if job.is_ended:
            ended[job_id] = job


def _path(job: Ref) -> str:
    return f"/jobs/{in_path(id_of(job))}"
