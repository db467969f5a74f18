"""Reading a truth: a CSV or XLSX file that says which photo shows which product."""

from typing import BinaryIO, NamedTuple

from buybuddy.domain.products.imports.files import LONGEST_CELL, read_rows
from buybuddy.domain.products.imports.rules import LONGEST_BARCODE, Cell
from buybuddy.errors import InvalidInput

COLUMNS = ("path", "barcode")


class TruthRow(NamedTuple):
    """One row; `reason` says why it takes no part."""

    row_no: int
    path: str
    barcode: str
    reason: str | None = None


def read_truth(file: BinaryIO) -> list[TruthRow]:
    """Return the rows of a file with the columns `path` and `barcode`; other columns are passed over.

    Raises: UnreadableMedia, InvalidInput without these columns, without rows, or beyond 200,000 rows.
    """
    rows = read_rows(file)
    header = next(rows, None)
    if header is None:
        raise InvalidInput("The file is empty.")
    names = [cell.text.strip().lower() for cell in header[1]]
    if missing := [name for name in COLUMNS if name not in names]:
        raise InvalidInput(f"The file has no column {' and no column '.join(missing)}; its first row names them.")
    at_path, at_barcode = (names.index(name) for name in COLUMNS)
    truth = [_read_row(row_no, _cell(cells, at_path), _cell(cells, at_barcode)) for row_no, cells in rows]
    if not truth:
        raise InvalidInput("The file has no rows.")
    return truth


def _cell(cells: list[Cell], column: int) -> Cell:
    return cells[column] if column < len(cells) else Cell("")


def _read_row(row_no: int, path: Cell, barcode: Cell) -> TruthRow:
    name, code = path.text.strip()[:LONGEST_CELL], barcode.text.strip()
    reason = barcode.damage
    if not name or not code:
        reason = "The row has no path." if not name else "The row has no barcode."
    elif len(code) > LONGEST_BARCODE:
        reason = f"A barcode has at most {LONGEST_BARCODE} characters."
    return TruthRow(row_no, name, code[:LONGEST_BARCODE], reason)
