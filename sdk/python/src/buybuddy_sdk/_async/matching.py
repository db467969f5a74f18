"""How well matching works: measuring it against a truth."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from pydantic import PrivateAttr

from buybuddy_sdk._async.jobs import AsyncJobs, OnJob
from buybuddy_sdk._async.pager import AsyncPager
from buybuddy_sdk._async.transport import AsyncTransport, Call, new_key
from buybuddy_sdk._files import FilePath, Form
from buybuddy_sdk._page import Ref, id_of, in_path
from buybuddy_sdk._pauses import async_sleep
from buybuddy_sdk.errors import DeadlineExceeded, QueueFull
from buybuddy_sdk.models import EvaluationOut, LeftOutOut

TRUTH_SILENCE_S = 600.0


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


class AsyncMatching:
    """`client.matching`."""

    def __init__(self, transport: AsyncTransport, jobs: AsyncJobs) -> None:
        self._transport, self._jobs = transport, jobs

    async def evaluate(
        self,
        truth: FilePath,
        *,
        category: str | None = None,
        encoder: str | None = None,
        wait_for_slot: float | None = None,
        on_wait: Callable[[str], None] | None = None,
    ) -> AsyncEvaluation:
        """Have matching measured; `wait()` on what is returned gives the figures.

        Args:
            truth: a CSV or XLSX file with the columns `path`, as the photos were imported, and `barcode`.
            category: only products of it, and photos of them.
            encoder: by its name; else the one that serves.
            wait_for_slot: for how many seconds to try while no slot at all is free; `math.inf` for ever.
            on_wait: hears why, each time.
        Raises: QueueFull; DeadlineExceeded after such a wait.
        """
        fields = {name: value for name, value in {"category": category, "encoder": encoder}.items() if value}
        call = Call(
            "POST",
            "/matching/evaluations",
            form=Form((("truth", Path(truth)),), fields),
            headers={"Idempotency-Key": new_key()},
            is_repeatable=True,
            silence_s=TRUTH_SILENCE_S,
        )
        ends_at_s = time.monotonic() + (wait_for_slot or 0.0)
        while True:
            try:
                return await self._transport.read_as(self._bind, call)
            except QueueFull as full:
                pause_s = full.retry_after_s or 2.0
                if wait_for_slot is None:
                    raise
                if time.monotonic() + pause_s > ends_at_s:
                    raise DeadlineExceeded(f"No slot became free within {wait_for_slot} s.") from full
                if on_wait is not None:
                    on_wait(full.detail)
            await async_sleep(pause_s)

    async def evaluation(self, evaluation: Ref) -> AsyncEvaluation:
        """Return a measurement that was begun before."""
        return await self._transport.read_as(
            self._bind, Call("GET", f"/matching/evaluations/{in_path(id_of(evaluation))}")
        )

    def _bind(self, document: Any) -> AsyncEvaluation:
        return AsyncEvaluation.of(self._transport, self._jobs, document)
