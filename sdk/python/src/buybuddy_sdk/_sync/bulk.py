# Generated from _async/bulk.py by scripts/generate.py, not to be edited.
"""What becomes of many products at once."""

from typing import Any, Self

from buybuddy_sdk._sync.jobs import Job, Jobs
from buybuddy_sdk.models import BulkAnswer


class Bulk(BulkAnswer):
    """What was done at once, and what could not be: `done` and `failed`; or the job that does it.

    `job` is None when all was done at once; else `outcome.job.wait()` waits until it is.
    """

    job: Job | None = None

    @classmethod
    def of(cls, jobs: Jobs, document: Any) -> Self:
        """Build an outcome whose job can be waited for."""
        outcome = cls.model_validate(document)
        if outcome.job is not None:
            outcome.job = jobs.bind(document["job"])
        return outcome
