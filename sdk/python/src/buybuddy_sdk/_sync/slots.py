# Generated from _async/slots.py by scripts/generate.py, not to be edited.
"""Starting jobs while no slot is free."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from buybuddy_sdk._pauses import sleep
from buybuddy_sdk._sync.transport import Call, Transport
from buybuddy_sdk.errors import DeadlineExceeded, QueueFull

StartedT = TypeVar("StartedT")


def start_when_free(
    transport: Transport,
    make: Callable[[Any], StartedT],
    call: Call,
    wait_for_slot: float | None,
    on_wait: Callable[[str], None] | None,
) -> StartedT:
    """Send a call that starts jobs, again while no slot is free, and return what is made of its answer.

    Args:
        wait_for_slot: for how many seconds; None raises at once.
        on_wait: hears why, each time.
    Raises: QueueFull; DeadlineExceeded after such a wait.
    """
    ends_at_s = time.monotonic() + (wait_for_slot or 0.0)
    while True:
        try:
            return transport.read_as(make, call)
        except QueueFull as full:
            pause_s = full.retry_after_s or 2.0
            if wait_for_slot is None:
                raise
            if time.monotonic() + pause_s > ends_at_s:
                raise DeadlineExceeded(f"No slot became free within {wait_for_slot} s.") from full
            if on_wait is not None:
                on_wait(full.detail)
        sleep(pause_s)
