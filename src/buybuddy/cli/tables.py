"""Tables for people: ids are whole, and nothing is cut where no terminal sets a width."""

from collections.abc import Collection, Sequence
from datetime import datetime

from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from buybuddy.cli.output import err, out

WIDEST = 100_000
GAP = 2  # between columns


def print_table(table: Table) -> None:
    """Print a table: as wide as the terminal, or else as wide as it is."""
    console = out
    if not out.is_terminal:
        wide = out.options.update(max_width=WIDEST)
        console = Console(width=Measurement.get(out, wide, table).maximum)
    console.print(table, soft_wrap=False, crop=False)


class Listing:
    """A table that can be printed page by page; later pages keep the widths of the earlier ones.

    Args:
        columns: their headings.
        whole: the columns that are never cut nor broken.
        gives_way: the columns that a narrow terminal goes without, the first of them first.
    """

    def __init__(self, *columns: str, whole: Collection[str] = ("id",), gives_way: Sequence[str] = ()) -> None:
        self._columns, self._whole = columns, whole
        self._gives_way = [column for column in gives_way if column in columns]
        self._widths = [cell_len(column) for column in columns]
        self._left_out: list[str] = []
        self._is_begun = False

    def print(self, rows: Sequence[Sequence[object]]) -> None:
        """Print more rows."""
        texts = [[_text(value) for value in row] for row in rows]
        for index, width in enumerate(self._widths):
            self._widths[index] = max(width, *(cell_len(row[index]) for row in texts), 0)
        if not self._is_begun and out.is_terminal:
            self._make_room()
        shown = [index for index, column in enumerate(self._columns) if column not in self._left_out]
        table = Table(box=None, pad_edge=False, show_header=out.is_terminal or not self._is_begun)
        for index in shown:
            is_whole = self._columns[index] in self._whole or not out.is_terminal
            min_width = self._widths[index] if is_whole else None
            table.add_column(self._columns[index], no_wrap=is_whole, overflow="fold", min_width=min_width)
        for row in texts:
            table.add_row(*(Text(row[index]) for index in shown))
        print_table(table)
        self._is_begun = True

    def _make_room(self) -> None:
        widths = dict(zip(self._columns, self._widths, strict=True))
        for column in self._gives_way:
            if sum(widths.values()) + GAP * (len(widths) - 1) <= out.width:
                break
            del widths[column]
            self._left_out.append(column)
        if self._left_out:
            columns = ", ".join(self._left_out)
            err.print(f"No room for {columns}: a wider terminal or --json shows more.", style="dim", highlight=False)


def _text(value: object) -> str:
    if value is None:
        return ""
    return value.isoformat(" ", "seconds") if isinstance(value, datetime) else str(value)
