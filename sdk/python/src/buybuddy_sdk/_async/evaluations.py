"""A measurement of matching: begun, waited for, looked into."""

from typing import Any, Self

from pydantic import PrivateAttr

from buybuddy_sdk._async.jobs import AsyncJobs, OnJob
from buybuddy_sdk._async.pager import AsyncPager
from buybuddy_sdk._async.transport import AsyncTransport, Call
from buybuddy_sdk.models import EvaluationOut, LeftOutOut


class AsyncEvaluation(EvaluationOut):
    """A measurement of matching, as it was when it was read last."""

    _transport: AsyncTransport = PrivateAttr()
    _jobs: AsyncJobs = PrivateAttr()

    @classmethod
    def of(cls, transport: AsyncTransport, jobs: AsyncJobs, document: Any) -> Self:
        """Build a measurement that can be waited for."""
        found = cls.model_validate(document)
        found._transport, found._jobs = transport, jobs
        return found

    async def refresh(self) -> Self:
        """Return it as it is now."""
        call = Call("GET", f"/matching/evaluations/{self.id}")
        return await self._transport.read_as(lambda answer: self.of(self._transport, self._jobs, answer), call)

    async def wait(self, on_progress: OnJob | None = None, *, progress: bool | None = None) -> Self:
        """Return it once its figures are there. Raises: JobFailed.

        Args:
            on_progress: hears of every look at a job: one gathers the vectors, the next ranks them.
            progress: bars on standard error; None shows them on a terminal when nobody else listens.
        """
        found = self
        while found.result is None and found.job is not None:
            ended = await self._jobs.wait([found.job.id], on_progress=on_progress, progress=progress)
            ended[0].raise_for_status()
            found = await found.refresh()
        return found

    def left_out(self) -> AsyncPager[LeftOutOut]:
        """Iterate over the rows of the truth that take no part."""
        return AsyncPager(self._transport, f"/matching/evaluations/{self.id}/left-out", LeftOutOut.model_validate, {})
