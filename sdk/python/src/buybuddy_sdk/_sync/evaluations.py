# Generated from _async/evaluations.py by scripts/generate.py, not to be edited.
"""A measurement of matching: begun, waited for, looked into."""

from typing import Any, Self

from pydantic import PrivateAttr

from buybuddy_sdk._sync.jobs import Jobs, OnJob
from buybuddy_sdk._sync.pager import Pager
from buybuddy_sdk._sync.transport import Call, Transport
from buybuddy_sdk.models import EvaluationOut, LeftOutOut


class Evaluation(EvaluationOut):
    """A measurement of matching, as it was when it was read last."""

    _transport: Transport = PrivateAttr()
    _jobs: Jobs = PrivateAttr()

    @classmethod
    def of(cls, transport: Transport, jobs: Jobs, document: Any) -> Self:
        """Build a measurement that can be waited for."""
        found = cls.model_validate(document)
        found._transport, found._jobs = transport, jobs
        return found

    def refresh(self) -> Self:
        """Return it as it is now."""
        call = Call("GET", f"/matching/evaluations/{self.id}")
        return self._transport.read_as(lambda answer: self.of(self._transport, self._jobs, answer), call)

    def wait(self, on_progress: OnJob | None = None, *, progress: bool | None = None) -> Self:
        """Return it once its figures are there. Raises: JobFailed.

        Args:
            on_progress: hears of every look at a job: one gathers the vectors, the next ranks them.
            progress: bars on standard error; None shows them on a terminal when nobody else listens.
        """
        found = self
        while found.result is None and found.job is not None:
            ended = self._jobs.wait([found.job.id], on_progress=on_progress, progress=progress)
            ended[0].raise_for_status()
            found = found.refresh()
        return found

    def left_out(self) -> Pager[LeftOutOut]:
        """Iterate over the rows of the truth that take no part."""
        return Pager(self._transport, f"/matching/evaluations/{self.id}/left-out", LeftOutOut.model_validate, {})
