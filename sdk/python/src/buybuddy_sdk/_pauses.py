"""What differs between waiting in a thread and waiting in a task: the same names in both forms."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

Args = ParamSpec("Args")
DoneT = TypeVar("DoneT")


async def async_sleep(seconds: float) -> None:
    """Wait, and let other tasks run."""
    await asyncio.sleep(seconds)


def sleep(seconds: float) -> None:
    """Wait."""
    time.sleep(seconds)


async def async_in_thread(work: Callable[Args, DoneT], *args: Args.args, **kwargs: Args.kwargs) -> DoneT:
    """Have a thread read or write a file, so that other tasks run meanwhile."""
    return await asyncio.to_thread(work, *args, **kwargs)


def in_this_thread(work: Callable[Args, DoneT], *args: Args.args, **kwargs: Args.kwargs) -> DoneT:
    """Read or write a file."""
    return work(*args, **kwargs)


class AsyncRepeater:
    """Does something again and again beside its task until it is stopped; it stops by itself when that fails."""

    def __init__(self, work: Callable[[], Awaitable[None]], every_s: float) -> None:
        self._work, self._every_s = work, every_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; the first time is after the first pause."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End it; what is under way is cancelled."""
        if self._task is not None:
            self._task.cancel()
            # Waiting for it, not awaiting it: a cancellation that comes up here is the caller's own.
            await asyncio.wait([self._task])
            if not self._task.cancelled():
                self._task.result()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            await self._work()


class Repeater:
    """Does something again and again in a thread of its own until it is stopped, or until that fails."""

    def __init__(self, work: Callable[[], None], every_s: float) -> None:
        self._work, self._every_s = work, every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="buybuddy-repeater", daemon=True)

    def start(self) -> None:
        """Begin; the first time is after the first pause."""
        self._thread.start()

    def stop(self) -> None:
        """End it; what is under way is waited for."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            self._work()
