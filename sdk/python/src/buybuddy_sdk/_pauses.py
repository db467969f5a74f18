"""What differs between waiting in a thread and waiting in a task: the same names in both forms."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable


async def async_sleep(seconds: float) -> None:
    """Wait, and let other tasks run."""
    await asyncio.sleep(seconds)


def sleep(seconds: float) -> None:
    """Wait."""
    time.sleep(seconds)


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
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

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
