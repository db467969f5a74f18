"""Where stages run: a local process today, other machines behind the same contract."""

from buybuddy.infra.executors.contract import Executor, StageListener
from buybuddy.infra.executors.local import LocalExecutor

__all__ = ["Executor", "LocalExecutor", "StageListener"]
