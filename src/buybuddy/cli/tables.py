"""Tables for people: ids are whole, and nothing is cut where no terminal sets a width."""

from collections.abc import Collection, Sequence
from datetime import datetime

from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from buybuddy.cli.output import out

WIDEST = 100_000


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
        whole: the columns that are never cut nor broken; on a narrow terminal the others give way.
    """

    def __init__(self, *columns: str, whole: Collection[str] = ("id",)) -> None:
        self._columns, self._whole = columns, whole
        self._widths = [cell_len(column) for column in columns]
        self._is_begun = False

    def print(self, rows: Sequence[Sequence[object]]) -> None:
        """Print more rows."""
        texts = [[_text(value) for value in row] for row in rows]
        for index, width in enumerate(self._widths):
            self._widths[index] = max(width, *(cell_len(row[index]) for row in texts), 0)
        table = Table(box=None, pad_edge=False, show_header=out.is_terminal or not self._is_begun)
        for column, width in zip(self._columns, self._widths, strict=True):
            is_whole = column in self._whole or not out.is_terminal
            table.add_column(column, no_wrap=is_whole, overflow="fold", min_width=width if is_whole else None)
        for row in texts:
            table.add_row(*(Text(text) for text in row))
        print_table(table)
        self._is_begun = True


def _text(value: object) -> str:
    if value is None:
        return ""
    return value.isoformat(" ", "seconds") if isinstance(value, datetime) else str(value)
