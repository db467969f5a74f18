"""Bars on standard error while something takes long: with rich where it is installed, else in plain text."""

import importlib.util
import sys
from types import TracebackType
from typing import Any, Protocol, Self, TextIO


class Bars(Protocol):
    """Shows how far things are; a context manager."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None: ...

    def show(self, key: str, label: str, done: float, total: float | None, note: str = "") -> None:
        """Say how far the thing called `key` is; `total` is None while nobody knows."""
        ...


class NoBars:
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        return None

    def show(self, key: str, label: str, done: float, total: float | None, note: str = "") -> None:
        """Show nothing."""


class PlainBars(NoBars):
    """Lines of text: one that changes on a terminal, else a new one whenever a thing enters another step."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._said: dict[str, str] = {}
        self._width = 0

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._width:
            self._stream.write("\n")
            self._stream.flush()

    def show(self, key: str, label: str, done: float, total: float | None, note: str = "") -> None:
        """Say how far the thing is."""
        if not self._is_terminal:
            if self._said.get(key) != note:
                self._said[key] = note
                self._stream.write(f"{label}: {note}\n")
            return
        far = f"{done / total:4.0%}" if total else f"{done:,.0f}"
        line = f"{label} {far} {note}".rstrip()
        self._stream.write("\r" + line.ljust(self._width))
        self._stream.flush()
        self._width = len(line)


class RichBars(NoBars):
    """Bars of rich, gone when they are over."""

    def __init__(self) -> None:
        # Here, because rich is optional: a program without it never comes this far.
        from rich.console import Console  # noqa: PLC0415
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"))
        self._progress = Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True)
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._progress.stop()

    def show(self, key: str, label: str, done: float, total: float | None, note: str = "") -> None:
        """Say how far the thing is."""
        if key not in self._tasks:
            self._tasks[key] = self._progress.add_task(label, total=total, note=note)
        self._progress.update(self._tasks[key], description=label, completed=done, total=total, note=note)


def open_bars(is_shown: bool | None) -> Bars:
    """Return bars; with None they are shown when standard error is a terminal."""
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    if is_shown is False or (is_shown is None and not is_terminal):
        return NoBars()
    if is_terminal and importlib.util.find_spec("rich") is not None:
        return RichBars()
    return PlainBars(sys.stderr)
