"""What a stage may touch: objects by key, a scratch folder, a progress line and a stop signal."""

from pathlib import Path
from typing import Protocol

from buybuddy.infra.storage import StoredObject

__all__ = ["StageContext", "StoredObject"]


class StageContext(Protocol):
    """The only door between a stage and the rest of the platform; one implementation per executor."""

    @property
    def scratch_dir(self) -> Path:
        """A private folder that is removed when the attempt ends."""
        ...

    @property
    def models_dir(self) -> Path:
        """Where weights lie that set-up has prepared, such as the exported encoder."""
        ...

    @property
    def n_threads(self) -> int:
        """How many threads OpenCV, onnxruntime and their like may use here."""
        ...

    def read_input(self, key: str) -> Path:
        """Return a local file holding the object. Raises: NotFound, Unavailable."""
        ...

    def write_output(self, key: str, data: bytes) -> StoredObject:
        """Store an object; `key` must begin with the Spec's `output_prefix`. Raises: Unavailable."""
        ...

    def write_output_file(self, key: str, path: Path) -> StoredObject:
        """Store a file of any size; as `write_output`. Raises: Unavailable."""
        ...

    def list_outputs(self) -> frozenset[str]:
        """Return the keys that earlier attempts have left below the output prefix of a resumable stage.

        An object that is listed is whole. Raises: Unavailable.
        """
        ...

    def read_output(self, key: str) -> bytes:
        """Return the bytes of an object of list_outputs. Raises: NotFound, Unavailable."""
        ...

    def report(self, fraction: float, step: str) -> None:
        """Say how far the stage is (0 to 1) and what it is doing; throttled by the executor, so call it freely."""
        ...

    def log(self, event: str, **fields: object) -> None:
        """Write one structured line to the job's log."""
        ...

    def raise_if_cancelled(self) -> None:
        """Call at least once a second. Raises: StageCancelled."""
        ...
