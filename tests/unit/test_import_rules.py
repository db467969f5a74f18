"""What the cells of a file mean, and which files are refused before anything of them is believed."""

import datetime as dt
import io
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from annotated_types import MaxLen
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from buybuddy.domain.products.bulk.rules import TEXT_FIELDS
from buybuddy.domain.products.bulk.schemas import BulkChanges
from buybuddy.domain.products.exports.service import defused
from buybuddy.domain.products.imports.files import read_rows
from buybuddy.domain.products.imports.rules import (
    Cell,
    Columns,
    ParsedRow,
    clean_text,
    differs,
    parse_row,
    read_header,
)
from buybuddy.domain.products.schemas import ProductEdit
from buybuddy.errors import InvalidInput, UnreadableMedia

FULL = "8690504034512"


def parse(header: str, *cells: str) -> ParsedRow:
    return parse_row(2, read_header(header.split(",")), [Cell(cell) for cell in cells])


def read_text(data: bytes) -> list[list[str]]:
    return [[cell.text for cell in cells] for _, cells in read_rows(io.BytesIO(data))]


def workbook(*rows: tuple[str | float | bool | None, ...], formats: dict[str, str] | None = None) -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    for place, number_format in (formats or {}).items():
        sheet[place].number_format = number_format
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


@pytest.mark.parametrize("model", [ProductEdit, BulkChanges])
def test_a_field_takes_as_many_characters_in_a_file_as_anywhere(model: type[ProductEdit] | type[BulkChanges]) -> None:
    for name, longest in TEXT_FIELDS.items():
        assert [part.max_length for part in model.model_fields[name].metadata if isinstance(part, MaxLen)] == [longest]


def test_columns_are_known_by_english_and_turkish_names_however_they_are_written() -> None:
    columns = read_header(["BARKOD", " Marka ", "Ürün Adı", "KATEGORİ", "durum", "Brand-Notes", "frame_count"])
    assert columns.fields == ("barcode", "brand_name", "product_name", "category", "status", None, None)
    assert columns.ignored == ["Brand-Notes", "frame_count"]
    with pytest.raises(InvalidInput, match="'Marka' and 'brand'"):
        read_header(["barkod", "Marka", "brand"])
    with pytest.raises(InvalidInput, match="no column 'id' or 'barcode'"):
        read_header(["marka", "ad"])


def test_cells_become_fields_and_what_is_wrong_names_its_column() -> None:
    row = parse("barcodes,marka,category,durum", f"{FULL}|0012", "'=1+1", " <CLEAR> ", "Eşleştirilecek")
    assert row.barcodes == (FULL, "0012")
    assert row.values == {"brand_name": "=1+1", "category": None, "status": "needs_matching"}
    assert parse("barkod,ad", FULL, "").values == {}
    for header, cell, reason in (
        ("Barkod", "8,69E+12", "lost digits"),
        ("Barkod", "8.69050403451E+12", "lost digits"),
        ("Barkod", "86-90", "no barcode"),
        ("Barkod", "1" * 33, "no barcode"),
        ("ID", "12", "no product id"),
        ("barcode,Durum", "sold", "There is no such status"),
        ("barcode,Durum", "<clear>", "There is no such status"),
        ("barcode,Marka", "x" * 301, "301 characters; at most 300"),
        ("barcode,Marka", "a\x00b", "NUL"),
        ("barcode", "", "does not say which product"),
        ("barcode", "|".join(f"{n:08d}" for n in range(21)), "at most 20"),
    ):
        cells = [FULL, cell] if "," in header else [cell]
        [error] = parse(header, *cells).errors
        assert error.column == header.split(",")[-1]
        assert reason in error.reason, header
    in_columns = parse(",".join(["ean"] * 30), *(f"{n:08d}" for n in range(30)))
    assert [error.reason for error in in_columns.errors] == ["A product has at most 20 barcodes in a file."]
    assert len(in_columns.barcodes) == 20


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40))
def test_what_our_export_writes_is_read_as_no_change(text: str) -> None:
    assert not differs(text, clean_text(defused(text)))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1254"])
def test_text_is_read_in_whatever_encoding_a_turkish_excel_saves(encoding: str) -> None:
    rows = read_text(f"Barkod;Ürün Adı\r\n0{FULL};Çaykur Rize Çayı, 1 kg\r\n".encode(encoding))
    assert rows == [["Barkod", "Ürün Adı"], [f"0{FULL}", "Çaykur Rize Çayı, 1 kg"]]


def test_rows_are_numbered_as_a_spreadsheet_shows_them() -> None:
    data = b'sep=;\r\nbarcode;name\r\n\r\n1;"two\nlines"\r\n;\r\n2;b\r\n'
    assert [row_no for row_no, _ in read_rows(io.BytesIO(data))] == [2, 4, 6]
    sheet = workbook(("barcode",), (), ("1",), (None,), ("2",))
    assert [row_no for row_no, _ in read_rows(io.BytesIO(sheet))] == [1, 3, 5]


def test_excel_cells_keep_their_zeros_and_lose_no_digits_silently() -> None:
    sheet = workbook(
        ("barcode",), ("0012345678905",), (12345678905,), (8.69050403451e12,), (1234567890123456.0,), (1.5,),
        ("=1/0",), (True,), formats={"A3": "0000000000000"},
    )  # fmt: skip
    cells = [row[0] for _, row in read_rows(io.BytesIO(sheet))]
    assert [cell.text for cell in cells[1:4]] == ["0012345678905", "0012345678905", "8690504034510"]
    assert all(cell.damage is None for cell in cells[1:4])
    assert all(cell.damage for cell in cells[4:6])
    assert len(cells) == 7, "a formula that was never calculated is an empty cell"


def test_what_excel_has_lost_becomes_no_text_of_a_product() -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["barcode", "marka", "ad", "varyant", "miktar"])
    sheet.append([FULL, "#N/A", dt.date(2026, 1, 2), 1234567890123456789, 0.5])
    sheet["B2"].data_type = "e"
    target = io.BytesIO()
    book.save(target)
    (_, header), (row_no, cells) = read_rows(target)
    row = parse_row(row_no, read_header([cell.text for cell in header]), cells)
    assert row.values == {"net_quantity": "0.5"}
    assert {error.column for error in row.errors} == {"marka", "ad", "varyant"}
    assert ["#N/A" in error.reason or "column as text" in error.reason for error in row.errors] == [True] * 3


@pytest.mark.parametrize("start", [b"\r\n", b";;\r\n\r\n", b"\xef\xbb\xbf\r\n", b" \n\n\n"])
def test_empty_lines_before_the_names_do_not_hide_what_parts_them(start: bytes) -> None:
    rows = list(read_rows(io.BytesIO(start + f"barcode;marka\r\n{FULL};a, b\r\n".encode())))
    assert [[cell.text for cell in cells][:2] for _, cells in rows] == [["barcode", "marka"], [FULL, "a, b"]]
    assert rows[0][0] == start.count(b"\n") + 1


def bomb(name: str, content: bytes, repeat: int = 1) -> bytes:
    """Return a real workbook with one part replaced."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook(("barcode",), ("1",)))) as source:
        parts = {part.filename: source.read(part) for part in source.infolist()}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, data in parts.items():
            if part != name:
                archive.writestr(part, data)
        with archive.open(name, "w", force_zip64=True) as part_file:
            for _ in range(repeat):
                part_file.write(content)
    return target.getvalue()


LAUGHS = b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'ha'>" + b"".join(
    f"<!ENTITY {chr(98 + i)} '{f'&{chr(97 + i)};' * 10}'>".encode() for i in range(9)
)
SHEET = "xl/worksheets/sheet1.xml"
MAIN = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
SHEET_START = b"<worksheet " + MAIN + b"><sheetData>"


@pytest.mark.parametrize(
    "data",
    [
        bomb(SHEET, b" " * 1_000_000, 300),
        bomb("xl/sharedStrings.xml", b" " * 1_000_000, 120),
        bomb(SHEET, LAUGHS + b"]>" + SHEET_START + b"<row><c><v>&j;</v></c></row></sheetData></worksheet>"),
        bomb("xl/workbook.xml", LAUGHS + b"]><workbook " + MAIN + b">&j;</workbook>"),
        bomb(SHEET, b"<!DOCTYPE x [<!ENTITY f SYSTEM 'file:///etc/passwd'>]><worksheet " + MAIN + b">&f;</worksheet>"),
        bomb(SHEET, SHEET_START + b'<row r="999999999999"><c r="A999999999999"/></row></sheetData></worksheet>'),
        bomb("xl/workbook.xml", b"<nothing/>"),
        b"PK\x03\x04 and nothing else",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 an old one",
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20,
        b'barcode,name\r\n1,"never closed',
        b"barcode\r\n" + b"1" * 200_000,
    ],
    ids=["zip", "strings", "laughs", "book", "external", "row", "no-sheet", "cut", "xls", "png", "quote", "long"],
)  # fmt: skip
def test_hostile_and_broken_files_are_refused_in_little_memory(data: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises((UnreadableMedia, InvalidInput)):
            list(read_rows(io.BytesIO(data)))
        assert tracemalloc.get_traced_memory()[1] < 60_000_000
    finally:
        tracemalloc.stop()


def test_too_many_rows_and_columns_are_refused() -> None:
    with pytest.raises(InvalidInput, match="200,000"):
        for _ in read_rows(io.BytesIO(b"barcode\n" + b"1\n" * 200_001)):
            pass
    with pytest.raises(InvalidInput, match="201 columns"):
        list(read_rows(io.BytesIO(b"barcode" + b",x" * 200)))


def test_external_links_are_not_followed(tmp_path: Path) -> None:
    link = b'<externalLink xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"/>'
    data = bomb("xl/externalLinks/externalLink1.xml", link)
    assert read_text(data) == [["barcode"], ["1"]]


def test_the_columns_of_a_header_are_told_apart() -> None:
    columns = Columns(("barcode", "", "note"), ("barcode", None, None))
    assert (columns.recognised, columns.ignored) == (["barcode"], ["note"])
