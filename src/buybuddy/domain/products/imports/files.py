"""Reading the rows of a CSV or XLSX file that nobody vouches for: as a stream, within limits. All of it blocks."""

import codecs
import csv
import datetime as dt
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from openpyxl import load_workbook
from openpyxl.cell.read_only import EmptyCell, ReadOnlyCell
from openpyxl.utils.exceptions import InvalidFileException

from buybuddy.domain.products.imports.rules import MOST_COLUMNS, Cell
from buybuddy.errors import InvalidInput, UnreadableMedia

MOST_ROWS = 200_000
MOST_EMPTY_ROWS = 5_000  # in a row: a sheet may claim a million of them in a few bytes
MOST_UNPACKED_BYTES = 500_000_000
MOST_UNPACKED_OTHER_BYTES = 100_000_000  # of all parts that are no sheet: those are read into memory
MOST_RATIO = 200
RATIO_MATTERS_FROM_BYTES = 10_000_000
MOST_PARTS = 10_000
LONGEST_CELL = 32_767
READ_CHUNK_BYTES = 1024 * 1024
EXACT_DIGITS = 15
NOTHING = " ,;\t\r\n\ufeff"  # all that an empty line has

Row = tuple[int, list[Cell]]

_ZERO_PADDED = re.compile(r"0{2,64}")
_UNREADABLE = (
    zipfile.BadZipFile, InvalidFileException, ParseError, DefusedXmlException, zlib.error, KeyError, ValueError,
    TypeError, AttributeError, IndexError, EOFError, OverflowError, NotImplementedError, RuntimeError,
)  # fmt: skip


def read_rows(file: BinaryIO) -> Iterator[Row]:
    """Yield the rows of a file by its content, numbered as a spreadsheet shows them; empty rows are left out.

    Raises: UnreadableMedia, InvalidInput for a file beyond the limits; while it is being read, too.
    """
    file.seek(0)
    head = file.read(8)
    file.seek(0)
    if head.startswith(b"PK\x03\x04"):
        rows = _xlsx_rows(file)
    elif head.startswith(b"\xd0\xcf\x11\xe0"):
        raise UnreadableMedia("This is an old or encrypted Excel file; save it as .xlsx or CSV.")
    else:
        rows = _csv_rows(file)
    n_rows, last_row_no = -1, 0  # the header is none
    for row_no, cells in rows:
        if row_no - last_row_no > MOST_EMPTY_ROWS:
            raise InvalidInput(f"After row {last_row_no} more than {MOST_EMPTY_ROWS:,} rows are empty; remove them.")
        if not any(cell.text.strip() for cell in cells):
            continue
        n_rows, last_row_no = n_rows + 1, row_no
        if n_rows > MOST_ROWS:
            raise InvalidInput(f"The file has more than {MOST_ROWS:,} rows; split it.")
        if len(cells) > MOST_COLUMNS:
            raise InvalidInput(f"Row {row_no} has {len(cells)} columns; at most {MOST_COLUMNS} are read.")
        yield row_no, cells


def _csv_rows(file: BinaryIO) -> Iterator[Row]:
    text = io.TextIOWrapper(file, encoding=find_encoding(file), newline="")
    try:
        first = named = text.readline(LONGEST_CELL)
        while named and not named.strip(NOTHING):
            named = text.readline(LONGEST_CELL)
        declared = re.fullmatch(r"\ufeff?sep=(.)\s*", first, re.IGNORECASE)
        delimiter = declared.group(1) if declared else _find_delimiter(named)
        text.seek(0)
        if declared:
            text.readline()
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        for row_no, cells in enumerate(reader, start=2 if declared else 1):
            yield row_no, [Cell(cell) for cell in cells]
    except csv.Error as error:
        raise UnreadableMedia(f"Line {reader.line_num} cannot be read as CSV: {error}.") from error
    except UnicodeError as error:
        raise UnreadableMedia("The file is no text in UTF-8, UTF-16 or Windows-1254.") from error
    finally:
        text.detach()  # the file is its owner's to close


def find_encoding(file: BinaryIO) -> str:
    """Return the encoding of a text file: what its first bytes say, else UTF-8 if all of it is, else Turkish Windows.

    Raises: UnreadableMedia for what is no text.
    """
    head = file.read(4096)
    file.seek(0)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\x00" in head:
        n_even, n_odd = head[0::2].count(0), head[1::2].count(0)
        if max(n_even, n_odd) < 0.3 * len(head) / 2:
            raise UnreadableMedia("This is neither a CSV nor an Excel file.")
        return "utf-16-le" if n_odd > n_even else "utf-16-be"
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while chunk := file.read(READ_CHUNK_BYTES):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1254"
    finally:
        file.seek(0)
    return "utf-8-sig"


def _find_delimiter(first_line: str) -> str:
    """Return what parts the names of the first line: a Turkish Excel writes semicolons."""
    unquoted = re.sub(r'"[^"]*"', "", first_line)
    return max(",;\t", key=unquoted.count)


def _xlsx_rows(file: BinaryIO) -> Iterator[Row]:
    try:
        _check_parts(file)
        book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
        try:
            sheet = book.worksheets[0]
            sheet.reset_dimensions()  # a file may lie about its size
            for row_no, row in enumerate(sheet.iter_rows(max_col=MOST_COLUMNS + 1), start=1):
                cells = [_as_cell(cast(ReadOnlyCell | EmptyCell, cell)) for cell in row]
                while cells and not cells[-1].text:
                    cells.pop()
                yield row_no, cells
        finally:
            book.close()
    except InvalidInput:
        raise
    except _UNREADABLE as error:
        raise UnreadableMedia("The Excel file is damaged, or is none.") from error


def _check_parts(file: BinaryIO) -> None:
    """Refuse what would unpack to more than is sane, before anything is unpacked."""
    with zipfile.ZipFile(file) as archive:
        parts = archive.infolist()
    n_bytes = sum(part.file_size for part in parts)
    n_packed = sum(part.compress_size for part in parts)
    n_other = sum(part.file_size for part in parts if not part.filename.startswith("xl/worksheets/"))
    is_bomb = n_bytes > RATIO_MATTERS_FROM_BYTES and n_bytes > MOST_RATIO * n_packed
    is_large = n_bytes > MOST_UNPACKED_BYTES or n_other > MOST_UNPACKED_OTHER_BYTES
    if len(parts) > MOST_PARTS or is_large or is_bomb:
        raise UnreadableMedia("The Excel file would unpack to more than is taken; split it, or save it as CSV.")
    file.seek(0)


def _as_cell(cell: ReadOnlyCell | EmptyCell) -> Cell:
    """Return a cell as text: a number as its format shows it where leading zeros are meant, formulas as last seen."""
    value = cell.value
    if value is None:
        return Cell("")
    if isinstance(value, str):
        is_error = isinstance(cell, ReadOnlyCell) and cell.data_type == "e"
        damage = f"The formula of this cell gives {value[:20]}." if is_error else None
        return Cell(value[:LONGEST_CELL], damage, is_lost=is_error)
    if isinstance(value, bool):
        return Cell(str(value).upper())
    if isinstance(value, int | float):
        return _number_cell(value, cell.number_format or "")
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return Cell(value.isoformat(), "This cell holds a date; format the column as text.", is_lost=True)
    return Cell(str(value)[:LONGEST_CELL])


def _number_cell(value: float, number_format: str) -> Cell:
    if not float(value).is_integer():
        return Cell(repr(value), "This number is no whole one.")
    digits = str(int(value))
    shown = number_format.split(";", 1)[0].strip('"')
    if _ZERO_PADDED.fullmatch(shown):
        digits = digits.zfill(len(shown))
    if len(str(abs(int(value)))) > EXACT_DIGITS:
        damage = f"Excel keeps {EXACT_DIGITS} digits of a number only; format the column as text."
        return Cell(digits, damage, is_lost=True)
    return Cell(digits)
