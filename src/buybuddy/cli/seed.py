"""`buybuddy seed`."""

from typing import Annotated

import psycopg
import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from buybuddy.benchmarks.seed import CatalogueSize, seed_catalogue
from buybuddy.cli.connect import run_platform
from buybuddy.cli.environment import read_settings
from buybuddy.cli.output import err, out
from buybuddy.connections import database_url
from buybuddy.errors import InvalidInput, Unavailable
from buybuddy.supervisor import find_running


def seed(
    n_products: Annotated[int, typer.Option("--products", min=1, max=10_000_000)] = 1_000_000,
    n_barcodes: Annotated[int | None, typer.Option("--barcodes", help="1.3 for each product by default.")] = None,
    n_images: Annotated[int | None, typer.Option("--images", help="5 for each product by default.")] = None,
) -> None:
    """Fill an empty catalogue with made-up products, to try the platform at the size that it is made for.

    Images are rows without a picture behind them.
    """
    size = CatalogueSize(n_products, n_barcodes or n_products * 13 // 10, n_images or n_products * 5)
    if not size.n_products <= size.n_barcodes <= 2 * size.n_products:
        raise InvalidInput("A product has one or two barcodes: say as many barcodes as products, up to twice as many.")
    settings = read_settings()
    if settings.database_url is not None or find_running(settings) is not None:
        _seed(database_url(settings), size)
        return
    with run_platform(settings):
        _seed(database_url(settings), size)


def _seed(dsn: str, size: CatalogueSize) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bars:
        task = bars.add_task("beginning", total=1.0)
        try:
            seed_catalogue(dsn, size, lambda fraction, step: bars.update(task, completed=fraction, description=step))
        except psycopg.Error as error:
            raise Unavailable(f"The database did not take it: {str(error).splitlines()[0]}") from error
    out.print(f"{size.n_products:,} products, {size.n_barcodes:,} barcodes and {size.n_images:,} images are in.")
