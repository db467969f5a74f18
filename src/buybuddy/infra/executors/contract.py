"""What every executor promises; tests/contract/test_executors.py holds each of them to it.

- A Spec goes in, its Result comes out, or one error of the tree: what the stage raised, StageCancelled, or StageCrashed
  when the process died. A crash or an out-of-memory kill fails that one attempt and nothing else.
- Progress and log lines reach the listener in order, progress at most twice a second for one attempt.
- After `cancel` the attempt ends within CANCEL_GRACE_S, by force if need be.
"""

import asyncio
from typing import Protocol

from buybuddy.stages.specs import Result, Spec

CANCEL_GRACE_S = 5.0


class StageListener(Protocol):
    """Hears what an attempt says while it runs."""

    def on_progress(self, fraction: float, step: str) -> None: ...

    def on_log(self, level: str, event: str, fields: dict[str, object]) -> None: ...


class Executor(Protocol):
    """Runs stages somewhere."""

    @property
    def name(self) -> str: ...

    async def run(self, spec: Spec, *, attempt_id: str, listener: StageListener, cancel: asyncio.Event) -> Result:
        """Run one attempt. Raises: what the stage raised, StageCancelled, StageCrashed."""
        ...

    async def close(self) -> None:
        """End everything that still runs."""
        ...
