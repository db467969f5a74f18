"""Everything that a call can end with, by the `code` of the server's problem document.

BuybuddyError
├── InvalidInput                what was sent cannot be used
│   ├── ValidationFailed        a field is wrong: `errors` says which and why
│   ├── PreconditionRequired    an edit does not say which version it was made from
│   └── PayloadTooLarge
├── NotAuthenticated            no key, or one that works no longer
├── NotAllowed                  the role or the key's scope does not allow it
├── NotFound
├── Conflict                    another write came first: `current`, `current_version`, `changed_by`
├── ResourceLocked              somebody else holds the lock: `lock`
├── RateLimited                 too much at once: `retry_after_s`
│   └── QueueFull               every slot of a job type is taken
├── Unavailable                 the platform, or what it stands on, cannot be reached now: `retry_after_s`
│   ├── ConnectionFailed        nobody answered
│   ├── StorageFull             no room is left on the platform's disk
│   └── DownloadBroken          a file broke off
├── ServerError                 the platform's own fault
├── DeadlineExceeded            the time that the caller gave is over
├── JobFailed                   a job that was waited for has not completed: `job`
└── LockLost                    a lock that was held is no longer
"""

import email.utils
import time
from collections.abc import Mapping
from typing import Any

import httpx

from buybuddy_sdk.models import JobOut, LockOut

Problem = Mapping[str, Any]


class BuybuddyError(Exception):
    """Root of the tree.

    Args:
        detail: a sentence that a person can act on.
        code: what the server calls it, e.g. `BARCODE_TAKEN`; empty when it did not come from there.
        http_status: 0 when there was no answer.
        problem: the whole problem document, with the fields of its own kind.
        retry_after_s: how long the server asks to wait.
    """

    def __init__(
        self,
        detail: str,
        *,
        code: str = "",
        http_status: int = 0,
        problem: Problem | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code
        self.http_status = http_status
        self.problem: Problem = problem or {}
        self.retry_after_s = retry_after_s


class InvalidInput(BuybuddyError):
    """What was sent cannot be used."""


class ValidationFailed(InvalidInput):
    """A field is wrong."""

    @property
    def errors(self) -> list[dict[str, str]]:
        """Where and what, for each field."""
        return list(self.problem.get("errors", ()))


class PreconditionRequired(InvalidInput):
    """An edit does not say which version it was made from."""


class PayloadTooLarge(InvalidInput):
    """It is larger than what the server takes."""


class NotAuthenticated(BuybuddyError):
    """There is no key, or it works no longer."""


class NotAllowed(BuybuddyError):
    """The role, or the key's scope, does not allow it."""


class NotFound(BuybuddyError):
    """There is no such thing."""


class Conflict(BuybuddyError):
    """Another write came first, or the state does not allow it; `code` tells which, e.g. NAME_TAKEN."""

    @property
    def current(self) -> dict[str, Any] | None:
        """The row as it is now."""
        return self.problem.get("current")

    @property
    def current_version(self) -> int | None:
        """The row's version now."""
        return self.problem.get("current_version")

    @property
    def changed_by(self) -> str | None:
        """Who changed it."""
        return self.problem.get("changed_by")


class ResourceLocked(BuybuddyError):
    """Somebody else holds the lock."""

    @property
    def lock(self) -> LockOut | None:
        """The lock, with who holds it and until when."""
        lock = self.problem.get("lock")
        return None if lock is None else LockOut.model_validate(lock)


class RateLimited(BuybuddyError):
    """Too much at once; `retry_after_s` says when to come back."""


class QueueFull(RateLimited):
    """Every slot of a job type is taken."""

    @property
    def job_type(self) -> str | None:
        """The type of job."""
        return self.problem.get("job_type")

    @property
    def max_concurrent(self) -> int | None:
        """How many may run at once."""
        return self.problem.get("max_concurrent")

    @property
    def current_count(self) -> int | None:
        """How many run."""
        return self.problem.get("current_count")


class Unavailable(BuybuddyError):
    """The platform, or what it stands on, cannot be reached now."""


class ConnectionFailed(Unavailable):
    """Nobody answered."""


class StorageFull(Unavailable):
    """No room is left where the platform stores things; somebody has to make some."""


class DownloadBroken(Unavailable):
    """A file broke off; nothing of it is kept."""


class ServerError(BuybuddyError):
    """The platform's own fault; its log says more."""


class DeadlineExceeded(BuybuddyError):
    """The time that the caller gave is over."""


class JobFailed(BuybuddyError):
    """A job that was waited for has not completed."""

    def __init__(self, job: JobOut) -> None:
        super().__init__(f"{job.subject.label}: {job.error_message or job.status}", code=job.error_code or "")
        self.job = job


class LockLost(BuybuddyError):
    """A lock that was held is no longer: it ran out, or an admin took it away."""


BY_CODE: dict[str, type[BuybuddyError]] = {
    "VALIDATION_FAILED": ValidationFailed,
    "QUEUE_FULL": QueueFull,
}
BY_STATUS: dict[int, type[BuybuddyError]] = {
    400: InvalidInput,
    401: NotAuthenticated,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    413: PayloadTooLarge,
    416: InvalidInput,
    422: InvalidInput,
    423: ResourceLocked,
    428: PreconditionRequired,
    429: RateLimited,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
    507: StorageFull,
}


def error_from(response: httpx.Response) -> BuybuddyError:
    """Build the error that an answer means; its body has been read."""
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    status, code = response.status_code, str(problem.get("code", ""))
    said = problem.get("detail") or f"The server answered {status}."
    if response.has_redirect_location:  # followed, an edit would become a read, and a key go where it was not meant to
        said = f"{response.url.host} sends calls on to {response.headers['location']}: give that platform's address."
    kind = BY_CODE.get(code) or BY_STATUS.get(status) or (ServerError if status >= 500 else InvalidInput)
    return kind(
        str(said),
        code=code,
        http_status=status,
        problem=problem,
        retry_after_s=retry_after_s(response),
    )


def retry_after_s(response: httpx.Response) -> float | None:
    """Return how long an answer asks to wait: Retry-After in seconds or as a date; None when it says nothing."""
    value = response.headers.get("retry-after", "").strip()
    if not value:
        return None
    if value.isdigit():
        return float(value)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - time.time())
