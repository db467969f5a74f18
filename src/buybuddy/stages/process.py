"""A warm process that runs stages one after another, apart from everything that must survive them.

It is told what to do on standard input and answers on standard output, one JSON line each (messages.py). Its
environment holds no secret, it exits when whoever started it is gone, and what libraries print goes to standard error.
"""

import os
import queue
import shutil
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import TextIO

from pydantic import BaseModel

from buybuddy.errors import BuybuddyError, InvalidInput, StageCancelled
from buybuddy.infra.storage import ObjectStorage, StoredObject
from buybuddy.stages.messages import Cancel, Done, Failed, LogLine, Progress, Ready, Run, Setup, ToProcess
from buybuddy.stages.registry import STAGES, find_stage

PROGRESS_INTERVAL_S = 0.5


class Answers:
    """Writes messages, whole lines at a time, from any thread."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, message: BaseModel) -> None:
        with self._lock:
            self._stream.write(message.model_dump_json() + "\n")
            self._stream.flush()


class ProcessContext:
    """StageContext of this process; see `StageContext` for what each call promises."""

    def __init__(self, setup: Setup, run: Run, answers: Answers, cancelled: threading.Event) -> None:
        self._storage = ObjectStorage(setup.storage_url)
        self._run = run
        self._answers = answers
        self._cancelled = cancelled
        self._last_progress_s = 0.0
        self._last_step = ""
        self.models_dir = setup.models_dir
        self.n_threads = setup.n_threads
        self.scratch_dir = setup.scratch_dir / run.attempt_id.replace("/", "-")
        self.scratch_dir.mkdir(parents=True, exist_ok=True)

    def read_input(self, key: str) -> Path:
        return self._storage.download(key, self.scratch_dir / key.replace("/", "-"))

    def write_output(self, key: str, data: bytes) -> StoredObject:
        self._check_below_prefix(key)
        return self._storage.put(key, data)

    def write_output_file(self, key: str, path: Path) -> StoredObject:
        self._check_below_prefix(key)
        return self._storage.put_file(key, path)

    def list_outputs(self) -> frozenset[str]:
        return frozenset(self._storage.list_keys(self._run.spec.output_prefix))

    def read_output(self, key: str) -> bytes:
        self._check_below_prefix(key)
        return self._storage.get(key)

    def report(self, fraction: float, step: str) -> None:
        now = time.monotonic()
        if now - self._last_progress_s < PROGRESS_INTERVAL_S and (step == self._last_step or fraction < 1.0):
            return
        self._last_progress_s, self._last_step = now, step
        self._answers.send(Progress(attempt_id=self._run.attempt_id, fraction=min(max(fraction, 0.0), 1.0), step=step))

    def log(self, event: str, **fields: object) -> None:
        self._answers.send(LogLine(attempt_id=self._run.attempt_id, level="info", event=event, fields=fields))

    def raise_if_cancelled(self) -> None:
        if self._cancelled.is_set():
            raise StageCancelled("The job was cancelled.")

    def _check_below_prefix(self, key: str) -> None:
        if not key.startswith(self._run.spec.output_prefix):
            raise InvalidInput(f"A stage may write below {self._run.spec.output_prefix} only, not {key}.")

    def close(self) -> None:
        shutil.rmtree(self.scratch_dir, ignore_errors=True)


class StageProcess:
    """Reads orders on one thread, so that a cancel is heard while a stage runs on the main one."""

    def __init__(self, orders: TextIO, answers: Answers) -> None:
        self._orders = orders
        self._answers = answers
        self._runs: queue.SimpleQueue[Run] = queue.SimpleQueue()
        self._cancelled: dict[str, threading.Event] = {}
        self._setup = self._read_setup()

    def serve(self) -> None:
        """Run what is ordered until the orders end."""
        threading.Thread(target=self._read_orders, name="orders", daemon=True).start()
        self._answers.send(Ready())
        while True:
            self._run(self._runs.get())

    def _read_setup(self) -> Setup:
        message = ToProcess.validate_json(self._orders.readline())
        if not isinstance(message, Setup):
            raise TypeError("The first line must be the set-up.")
        STAGES.update(message.extra_stages)
        return message

    def _read_orders(self) -> None:
        for line in self._orders:
            message = ToProcess.validate_json(line)
            if isinstance(message, Run):
                self._cancelled[message.attempt_id] = threading.Event()
                self._runs.put(message)
            elif isinstance(message, Cancel) and message.attempt_id in self._cancelled:
                self._cancelled[message.attempt_id].set()
        os._exit(0)  # whoever started us is gone: nobody would take the result

    def _run(self, run: Run) -> None:
        context = ProcessContext(self._setup, run, self._answers, self._cancelled[run.attempt_id])
        try:
            result = find_stage(run.spec.stage)(run.spec, context)
            self._answers.send(Done(attempt_id=run.attempt_id, result=result))
        except BuybuddyError as error:
            self._fail(run, error.code, error.detail, error.is_retryable)
        except MemoryError:
            self._fail(run, "OUT_OF_MEMORY", "The stage ran out of memory.", True)
        except Exception as error:  # noqa: BLE001 - a stage's bug is reported, not fatal
            traceback.print_exc(file=sys.stderr)
            context.log("stage.crashed", traceback=traceback.format_exc(limit=-8))
            self._fail(run, "STAGE_FAILED", f"The stage failed: {type(error).__name__}: {error}", False)
        finally:
            context.close()
            del self._cancelled[run.attempt_id]

    def _fail(self, run: Run, code: str, detail: str, is_retryable: bool) -> None:
        self._answers.send(Failed(attempt_id=run.attempt_id, code=code, detail=detail, is_retryable=is_retryable))


def main() -> None:
    """Serve on the standard streams; what anybody else prints is sent to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    StageProcess(sys.stdin, Answers(answers)).serve()


if __name__ == "__main__":
    main()
