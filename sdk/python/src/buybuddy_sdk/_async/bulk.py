"""What becomes of many products at once."""

from typing import Any, Self

from buybuddy_sdk._async.jobs import AsyncJob, AsyncJobs
from buybuddy_sdk.models import BulkAnswer


class AsyncBulk(BulkAnswer):
    """What was done at once, and what could not be: `done` and `failed`; or the job that does it.

    `job` is None when all was done at once; else `outcome.job.wait()` waits until it is.
    """

    job: AsyncJob | None = None

    @classmethod
    def of(cls, jobs: AsyncJobs, document: Any) -> Self:
        """Build an outcome whose job can be waited for."""
        outcome = cls.model_validate(document)
        if outcome.job is not None:
            outcome.job = jobs.bind(document["job"])
        return outcome
