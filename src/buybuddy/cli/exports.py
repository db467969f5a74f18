"""`buybuddy products export`."""

from enum import StrEnum
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
    filters = {"search": search, "status": status, "category": category}
    with connect(server) as client, err.status(f"writing {to} ..."):
        if form == ExportFormat.zip:
            client.products.download(to=to, search=search, status=status, category=category, progress=False)
        elif form == ExportFormat.csv:
            client.products.export_csv(to=to, **filters)
        else:
            client.products.export_json(to=to, lines=form == ExportFormat.ndjson, **filters)
    n_bytes = to.stat().st_size
    if as_json:
        print_json({"file": str(to), "format": form.value, "size_bytes": n_bytes})
    else:
        out.print(f"{to}: {n_bytes / 1e6:.1f} MB")
