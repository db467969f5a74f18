"""`buybuddy products`."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

import typer

from buybuddy.cli.connect import connect
from buybuddy.cli.output import JsonOption, ServerOption, err, out, print_json_list
from buybuddy.cli.tables import Listing
from buybuddy_sdk import Page
from buybuddy_sdk.models import ProductRow

app = typer.Typer(no_args_is_help=True)

ItemT = TypeVar("ItemT")


@app.callback()
def products() -> None:
    """Group of commands about products."""


@app.command("list")
def list_products(
    search: Annotated[str | None, typer.Option(help="A barcode's beginning, or a part of the name or brand.")] = None,
    status: Annotated[str | None, typer.Option(help="pending, processing, needs_matching, ready or rejected.")] = None,
    category: Annotated[str | None, typer.Option()] = None,
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0 lists all.")] = 50,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the catalogue, newest first, and say how many products there are in all."""
    listing = Listing(
        *("barcode", "brand", "product", "variant", "category", "status", "frames", "id"),
        whole=("id", "barcode"),
        gives_way=("frames", "variant", "category", "status"),
    )
    shown = Shown()
    with connect(server) as client:
        pages = shown.cut(client.products.list(search=search, status=status, category=category).pages(), limit)
        if as_json:
            print_json_list(pages)
        else:
            for rows in pages:
                if rows:
                    listing.print([_cells(row) for row in rows])
    if shown.n or as_json:
        err.print(shown.sentence(), highlight=False)
    else:
        out.print("No product matches." if search or status or category else "No product yet.")


@dataclass
class Shown:
    """How much of a list was shown; `of` says how much there is."""

    noun: str = "products"
    n: int = 0
    of: str = "0"

    def cut(self, pages: Iterable[Page[ItemT]], limit: int) -> Iterator[Sequence[ItemT]]:
        """Yield the rows page by page, at most so many in all, or all for 0."""
        for page in pages:
            rows = page.items[: limit - self.n] if limit else page.items
            self.n += len(rows)
            self.of = ("" if page.is_total_exact else "at least ") + f"{max(page.total, self.n):,}"
            yield rows
            if self.n == limit:
                return

    def sentence(self) -> str:
        """Say it."""
        count = f"{self.n:,}"
        return (
            f"{count} {self.noun}." if self.of == count else f"{count} of {self.of} {self.noun}; --limit 0 lists all."
        )


def _cells(row: ProductRow) -> tuple[object, ...]:
    names = (row.barcode, row.brand_name, row.product_name, row.variant_flavor, row.category)
    return *names, row.status, row.frame_count, row.id
