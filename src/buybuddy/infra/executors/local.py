"""Stages in processes of this machine, kept warm between jobs so that a model is loaded once."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import Process

import structlog

from buybuddy.errors import BuybuddyError, StageCancelled, StageCrashed, StageFailed, UnreadableMedia
from buybuddy.infra.executors.contract import CANCEL_GRACE_S, StageListener
from buybuddy.stages.messages import Cancel, Done, Failed, FromProcess, LogLine, Progress, Run, Setup
from buybuddy.stages.specs import Result, Spec

LINE_LIMIT_BYTES = 64 * 1024 * 1024
# Deny by default: a stage needs none of our environment but these.
PASSED_ON = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "LANG", "LC_ALL", "TMPDIR", "HOME")

log = structlog.get_logger(__name__)


class LocalExecutor:
    """A pool of stage processes, started when first needed.

    Args:
        setup: what each process is told first.
        n_processes: attempts that run at the same time; more wait their turn.
    """

    name = "local"

    def __init__(self, setup: Setup, *, n_processes: int = 1) -> None:
        self._setup = setup
        self._free: asyncio.Queue[_StageProcess] = asyncio.Queue()
        self._processes = [_StageProcess(setup) for _ in range(n_processes)]
        for process in self._processes:
            self._free.put_nowait(process)

    async def warm_up(self) -> None:
        """Start every process now, so that the first attempt does not wait for imports."""
        await asyncio.gather(*(process.ensure_started() for process in self._processes))

    async def run(self, spec: Spec, *, attempt_id: str, listener: StageListener, cancel: asyncio.Event) -> Result:
        """See Executor.run."""
        process = await self._free.get()
        try:
            return await process.run(spec, attempt_id, listener, cancel)
        finally:
            self._free.put_nowait(process)

    async def close(self) -> None:
        """See Executor.close."""
        await asyncio.gather(*(process.kill() for process in self._processes))

    @property
    def pids(self) -> list[int]:
        """The processes that live now."""
        return [process.pid for process in self._processes if process.pid is not None]


class _StageProcess:
    """One child that serves buybuddy.stages.process, started again after it died."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._child: Process | None = None

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child is not None and self._child.returncode is None else None

    async def ensure_started(self) -> Process:
        if self._child is not None and self._child.returncode is None:
            return self._child
        self._child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "buybuddy.stages.process",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_LIMIT_BYTES,
            env=_stage_environment(self._setup.n_threads),
            start_new_session=True,
        )
        await self._send(self._child, self._setup)
        if not await self._line(self._child):
            await self.kill()
            raise StageCrashed("The stage process did not start; its error is in the worker's log.")
        return self._child

    async def run(self, spec: Spec, attempt_id: str, listener: StageListener, cancel: asyncio.Event) -> Result:
        try:
            child = await self.ensure_started()
            await self._send(child, Run(attempt_id=attempt_id, spec=spec))
            conversation = asyncio.ensure_future(self._listen(child, attempt_id, listener))
            cancelling = asyncio.ensure_future(cancel.wait())
            try:
                await asyncio.wait({conversation, cancelling}, return_when=asyncio.FIRST_COMPLETED)
                if not conversation.done():
                    await self._send(child, Cancel(attempt_id=attempt_id))
                    await asyncio.wait({conversation}, timeout=CANCEL_GRACE_S)
                if not conversation.done():
                    raise StageCancelled("The job was cancelled; its process had to be ended.")
                return conversation.result()
            finally:
                cancelling.cancel()
                if not conversation.done():
                    conversation.cancel()
                    await self.kill()
        except (ConnectionResetError, BrokenPipeError) as error:
            raise await self._crashed() from error

    async def kill(self) -> None:
        """End the child and everything that it started."""
        child, self._child = self._child, None
        if child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        await child.wait()

    async def _listen(self, child: Process, attempt_id: str, listener: StageListener) -> Result:
        while line := await self._line(child):
            message = FromProcess.validate_json(line)
            if isinstance(message, Progress):
                listener.on_progress(message.fraction, message.step)
            elif isinstance(message, LogLine):
                listener.on_log(message.level, message.event, message.fields)
            elif isinstance(message, Done) and message.attempt_id == attempt_id:
                return message.result
            elif isinstance(message, Failed) and message.attempt_id == attempt_id:
                raise _as_error(message)
        raise await self._crashed()

    async def _crashed(self) -> StageCrashed:
        child = self._child
        await self.kill()
        code = child.returncode if child is not None else None
        how = f"by signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"with exit code {code}"
        log.warning("stage_process.died", returncode=code)
        return StageCrashed(f"The stage process ended {how} before the work was done.")

    @staticmethod
    async def _line(child: Process) -> bytes:
        if child.stdout is None:
            raise RuntimeError("the stage process was started without a pipe")
        line = await child.stdout.readline()
        return line if line.endswith(b"\n") else b""  # a process killed while it writes leaves half a line

    @staticmethod
    async def _send(child: Process, message: Setup | Run | Cancel) -> None:
        if child.stdin is None:
            raise RuntimeError("the stage process was started without a pipe")
        child.stdin.write(message.model_dump_json().encode() + b"\n")
        await child.stdin.drain()


def _stage_environment(n_threads: int) -> dict[str, str]:
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    threads = str(n_threads)
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), threads)
    return environment | limits | {"PYTHONUNBUFFERED": "1", "HF_HUB_OFFLINE": "1"}


_ERRORS: dict[str, type[BuybuddyError]] = {UnreadableMedia.code: UnreadableMedia, StageCancelled.code: StageCancelled}


def _as_error(failed: Failed) -> BuybuddyError:
    if failed.is_retryable:
        return StageCrashed(failed.detail, code=failed.code)
    return _ERRORS.get(failed.code, StageFailed)(failed.detail, code=failed.code)
