"""How often and when a call is tried again, and when its time is over; pure but for the clock."""

import random
import time
from dataclasses import dataclass

import httpx

from buybuddy_sdk.errors import BuybuddyError, ConnectionFailed, DeadlineExceeded, error_from

TRIED_AGAIN = frozenset({429, 502, 503, 504})
# Slots and guesses are not free again within a few retries: these are the caller's to wait for.
NOT_TRIED_AGAIN = frozenset({"QUEUE_FULL", "LOGIN_THROTTLED"})
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True)
class Options:
    """How calls are made.

    Args:
        timeout_s: the longest silence within one try.
        deadline_s: the longest that a call may take with all its tries; None without a limit.
        max_retries: how often a call is tried again that can be sent twice without harm.
        first_pause_s, longest_pause_s: the pause doubles from one to the other; what Retry-After asks comes first.
    """

    timeout_s: float = 60.0
    deadline_s: float | None = None
    max_retries: int = 4
    first_pause_s: float = 0.25
    longest_pause_s: float = 10.0


class Tries:
    """The tries of one call.

    Args:
        is_repeatable: whether it may be sent again though it may have been carried out.
    """

    def __init__(self, options: Options, *, is_repeatable: bool) -> None:
        self._options = options
        self._is_repeatable = is_repeatable
        self._ends_at_s = None if options.deadline_s is None else time.monotonic() + options.deadline_s
        self._n_retries = 0
        self.may_have_been_done = False

    def timeout(self, silence_s: float | None = None) -> httpx.Timeout:
        """Return the next try's timeouts, within what is left. Raises: DeadlineExceeded."""
        silence_s = self._options.timeout_s if silence_s is None else silence_s
        left_s = self._left_s()
        if left_s is not None:
            if left_s <= 0:
                raise DeadlineExceeded(f"The call took longer than {self._options.deadline_s} s.")
            silence_s = min(silence_s, left_s)
        return httpx.Timeout(silence_s, connect=min(10.0, silence_s))

    def pause_after_failure(self, error: httpx.TransportError, url: str) -> float:
        """Return how long to wait before the next try. Raises: ConnectionFailed, DeadlineExceeded."""
        was_sent = not isinstance(error, NEVER_SENT)
        self.may_have_been_done = self.may_have_been_done or was_sent
        failure = ConnectionFailed(f"{url} cannot be reached: {str(error) or type(error).__name__}")
        if was_sent and not self._is_repeatable:
            raise failure from error
        return self._pause(failure, None)

    def pause_after_refusal(self, response: httpx.Response) -> float:
        """Return how long to wait before the next try. Raises: the error that the answer means."""
        error = error_from(response)
        is_passing = response.status_code in TRIED_AGAIN and error.code not in NOT_TRIED_AGAIN
        if not is_passing or not self._is_repeatable:
            raise error
        return self._pause(error, error.retry_after_s)

    def _pause(self, error: BuybuddyError, asked_s: float | None) -> float:
        if self._n_retries >= self._options.max_retries:
            raise error
        longest_s = min(self._options.first_pause_s * 2**self._n_retries, self._options.longest_pause_s)
        # Full jitter: many clients that failed together do not come back together. Never before it was asked.
        pause_s = (asked_s or 0.0) + random.uniform(0.0, longest_s)
        left_s = self._left_s()
        if left_s is not None and pause_s >= left_s:
            raise DeadlineExceeded(f"{error.detail} The call's {self._options.deadline_s} s are over.") from error
        self._n_retries += 1
        return pause_s

    def _left_s(self) -> float | None:
        return None if self._ends_at_s is None else self._ends_at_s - time.monotonic()
