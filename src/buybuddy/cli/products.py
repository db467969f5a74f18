"""`buybuddy products`."""

from typing import Annotated

import typer
from rich.table import Table

from buybuddy.cli.connect import connect
from buybuddy.cli.output import JsonOption, ServerOption, out, print_json

app = typer.Typer(no_args_is_help=True)


@app.callback()
def products() -> None:
    """Group of commands about products."""


@app.command("list")
def list_products(
    search: Annotated[str | None, typer.Option(help="A barcode's beginning, or a part of the name or brand.")] = None,
    status: Annotated[str | None, typer.Option(help="pending, processing, needs_matching, ready or rejected.")] = None,
    category: Annotated[str | None, typer.Option()] = None,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the catalogue, newest first."""
    with connect(server) as client:
        rows = client.products.list(search=search, status=status, category=category).to_list()
    if as_json:
        print_json(rows)
        return
    table = Table("barcode", "brand", "product", "variant", "category", "status", "frames", "id")
    for row in rows:
        names = (row.barcode, row.brand_name, row.product_name, row.variant_flavor, row.category)
        table.add_row(*(name or "" for name in names), row.status, str(row.frame_count), str(row.id))
    out.print(table if rows else "No product matches." if search or status or category else "No product yet.")
