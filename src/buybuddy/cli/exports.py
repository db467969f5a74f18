"""`buybuddy products export`."""

import zipfile
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from buybuddy.cli.connect import connect
from buybuddy.cli.output import JsonOption, ServerOption, check_folder_of, err, out, print_json


class ExportFormat(StrEnum):
    zip = "zip"
    csv = "csv"
    json = "json"
    ndjson = "ndjson"


def export_products(
    to: Annotated[Path, typer.Option("--output", dir_okay=False, help="The file to write.")],
    form: Annotated[ExportFormat, typer.Option("--format", help="zip holds the images too.")] = ExportFormat.csv,
    search: Annotated[str | None, typer.Option(help="A barcode's beginning, or beginnings of words.")] = None,
    status: Annotated[str | None, typer.Option(help="pending, processing, needs_matching, ready or rejected.")] = None,
    category: Annotated[str | None, typer.Option()] = None,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the catalogue, or what of it matches, into one file; a file that broke off is not kept."""
    check_folder_of(to)
    with connect(server) as client, err.status(f"writing {to} ...") as status_line:

        def show(done: int, _: int | None) -> None:
            status_line.update(f"writing {to}: {done / 1e6:,.1f} MB ...")

        writers: dict[ExportFormat, Callable[..., Path]] = {
            ExportFormat.zip: client.products.download,
            ExportFormat.csv: client.products.export_csv,
            ExportFormat.json: client.products.export_json,
            ExportFormat.ndjson: partial(client.products.export_json, lines=True),
        }
        writers[form](to=to, search=search, status=status, category=category, progress=False, on_bytes=show)
    report_export(to, form.value, as_json)


def report_export(file: Path, form: str, as_json: bool) -> None:
    """Say what was written."""
    size_bytes, n_files = file.stat().st_size, 1
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            n_files = len(archive.infolist())
    if as_json:
        print_json({"file": str(file), "format": form, "size_bytes": size_bytes, "n_files": n_files})
    else:
        files = "" if n_files == 1 else f"{n_files:,} files, "
        out.print(f"{file}: {files}{size_bytes / 1e6:,.1f} MB", highlight=False, markup=False)
