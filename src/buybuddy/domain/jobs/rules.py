"""Decisions about jobs that need no database."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal, get_args

JobType = Literal[
    "video_processing", "augmentation", "training", "embedding_extraction", "matching", "catalogue_change"
]  # fmt: skip
JobStatus = Literal["pending", "queued", "processing", "completed", "failed", "cancelled"]
JOB_TYPES: tuple[str, ...] = get_args(JobType)

ACTIVE: frozenset[str] = frozenset({"pending", "queued", "processing"})
TERMINAL: frozenset[str] = frozenset({"completed", "failed", "cancelled"})
PULSE_S = 0.5
HEARTBEAT_S = 2.0
STALLED_AFTER_S = 30.0
DEAD_AFTER_S = 6.0  # without heartbeat and without sign of life (infra/db/sign_of_life.py)
FIRST_RETRY_S, LONGEST_RETRY_S = 1.0, 300.0


def priority_of(job_type: str) -> int:
    """Return how urgent a type is: what somebody has just asked of the catalogue goes before everything else.

    A product that is done but cannot be found yet goes before the next video.
    """
    return {"catalogue_change": 20, "embedding_extraction": 10}.get(job_type, 0)


@dataclass(frozen=True)
class Retry:
    """Run the job again after a pause."""

    delay_s: float


def retry_after_failure(*, is_retryable: bool, n_failures: int, max_attempts: int) -> Retry | None:
    """Decide what follows a failed attempt: another one with a growing pause, or None when the job has failed.

    Args:
        n_failures: failed attempts of the job, this one included.
    """
    if not is_retryable or n_failures >= max_attempts:
        return None
    return Retry(min(FIRST_RETRY_S * 4 ** (n_failures - 1), LONGEST_RETRY_S))


def remaining_s(*, fraction: float, started_at: dt.datetime, now: dt.datetime) -> float | None:
    """Estimate the seconds left from the pace so far; None while there is too little to judge by."""
    elapsed = (now - started_at).total_seconds()
    if fraction < 0.03 or elapsed < 1.0:
        return None
    return elapsed * (1.0 - fraction) / fraction
