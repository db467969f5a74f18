"""A stage on a plain folder, without the platform: keys are paths below it."""

import hashlib
import threading
from pathlib import Path

from buybuddy.errors import NotFound, StageCancelled
from buybuddy.stages.context import StoredObject


class FolderContext:
    """StageContext of a folder; see `StageContext` for what each call promises.

    Args:
        models_dir: where prepared weights lie; the folder itself where none are needed.
        output_prefix: below which outputs are listed.
    """

    def __init__(
        self, folder: Path, models_dir: Path | None = None, *, n_threads: int = 1, output_prefix: str = ""
    ) -> None:
        self._folder, self._output_prefix = folder, output_prefix
        self.models_dir = models_dir or folder
        self.n_threads = n_threads
        self.scratch_dir = folder / "scratch"
        self.cancelled = threading.Event()

    def put(self, key: str, data: bytes) -> str:
        """Write a file, whole or not at all, and return its key."""
        path = self._folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(f".{path.name}.half")
        half.write_bytes(data)
        half.replace(path)
        return key

    def read_input(self, key: str) -> Path:
        if not (self._folder / key).is_file():
            raise NotFound(f"There is no object {key}.")
        return self._folder / key

    def write_output(self, key: str, data: bytes) -> StoredObject:
        return StoredObject(self.put(key, data), len(data), hashlib.sha256(data).hexdigest())

    def write_output_file(self, key: str, path: Path) -> StoredObject:
        return self.write_output(key, path.read_bytes())

    def list_outputs(self) -> frozenset[str]:
        files = (self._folder / self._output_prefix).rglob("*")
        return frozenset(
            path.relative_to(self._folder).as_posix() for path in files if path.is_file() and path.suffix != ".half"
        )

    def read_output(self, key: str) -> bytes:
        return self.read_input(key).read_bytes()

    def report(self, fraction: float, step: str) -> None:
        """Say how far the stage is; nobody listens."""

    def log(self, event: str, **fields: object) -> None:
        """Write a line to the log; nobody reads it."""

    def raise_if_cancelled(self) -> None:
        if self.cancelled.is_set():
            raise StageCancelled("It was stopped.")
