"""`buybuddy demo`: the whole line on sample videos, without a browser."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from buybuddy.cli.connect import connect
from buybuddy.cli.output import JsonOption, ServerOption, err, out, print_json
from buybuddy.cli.tables import print_table
from buybuddy.demo import DemoReport, run_demo, write_html_report


def demo(
    output: Annotated[Path, typer.Option(help="Where samples and the report are written.")] = Path("demo-report"),
    n_products: Annotated[int, typer.Option("--products", min=2, max=12)] = 6,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Render sample videos, process them, and find each product by a photo of it."""
    with connect(server) as client:
        report = run_demo(
            client, output, n_products=n_products, say=lambda line: err.print(f"  {line}", style="dim", highlight=False)
        )
        page = write_html_report(client, report, output)
    if as_json:
        print_json(report.as_document())
    else:
        _print_table(report)
        out.print(f"\n  The pictures: {page}\n", highlight=False)
    if not report.is_complete:
        raise typer.Exit(1)


def _print_table(report: DemoReport) -> None:
    table = Table("product", "barcode", "read from the pack", "frames", "photo finds", "similarity", "seconds")
    for row in report.rows:
        found = "[green]this product[/]" if row.is_found else f"[red]{row.found_barcode or row.error or 'nothing'}[/]"
        similarity = "" if row.similarity is None else f"{row.similarity:.3f}"
        table.add_row(
            row.name, row.barcode, row.read_name or "", str(row.frame_count), found, similarity, f"{row.seconds:.1f}"
        )
    print_table(table)
