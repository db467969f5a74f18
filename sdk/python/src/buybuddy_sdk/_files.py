"""Files that are sent, and files that are kept only when they are whole."""

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, TypeAlias

FilePath: TypeAlias = str | os.PathLike[str]
# Hears how many bytes there are so far, and how many there will be when that is known.
OnBytes: TypeAlias = Callable[[int, int | None], None]


@dataclass(frozen=True)
class NamedFile:
    """A file that is sent under a name of its own: one on disk, or its bytes."""

    name: str
    content: FilePath | bytes

    def open(self, stack: ExitStack) -> tuple[str, Any]:
        """Return what httpx is given; the stack closes the file."""
        if isinstance(self.content, bytes):
            return self.name, self.content
        return self.name, stack.enter_context(Path(self.content).open("rb"))


@dataclass(frozen=True)
class Form:
    """A multipart form; its files are opened anew for each try."""

    files: tuple[tuple[str, Path | NamedFile], ...]
    fields: Mapping[str, str] = field(default_factory=dict)

    def open(self, stack: ExitStack) -> dict[str, Any]:
        """Return what httpx is given; the stack closes the files."""
        named = [(field, one if isinstance(one, NamedFile) else NamedFile(one.name, one)) for field, one in self.files]
        opened = [(field, one.open(stack)) for field, one in named]
        return {"files": opened, "data": dict(self.fields)}


def size_of(path: Path) -> int:
    """Return a file's size in bytes."""
    return path.stat().st_size


def read_piece(path: Path, offset: int, n_bytes: int) -> bytes:
    """Return at most so many bytes of a file from an offset on."""
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(n_bytes)


class PartFile:
    """A file under another name until it is whole; a context manager that leaves nothing behind when it is not."""

    def __init__(self, path: FilePath) -> None:
        self.path = Path(path)
        self._part = self.path.with_name(f"{self.path.name}.part")
        self._file: BinaryIO | None = None
        self.n_bytes = 0

    def __enter__(self) -> Self:
        self._file = self._part.open("wb")
        return self

    def write(self, chunk: bytes) -> None:
        """Add bytes."""
        if self._file is None:
            raise ValueError("the file is not open")
        self._file.write(chunk)
        self.n_bytes += len(chunk)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()
        if error is None:
            self._part.replace(self.path)
        else:
            self._part.unlink(missing_ok=True)
