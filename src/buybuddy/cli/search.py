"""`buybuddy search`."""

from pathlib import Path
from typing import Annotated

import typer

from buybuddy.cli.connect import connect
from buybuddy.cli.output import JsonOption, ServerOption, out, plain, print_json
from buybuddy.cli.tables import Listing


def search(
    photo: Annotated[Path, typer.Argument(help="A photo of a product.", exists=True, dir_okay=False)],
    k: Annotated[int, typer.Option("-k", min=1, max=100, help="How many products.")] = 5,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the product that a photo shows."""
    with connect(server) as client:
        answer = client.search(photo, k)
    if as_json:
        shown = ("product_id", "barcode", "product_name", "brand_name", "variant_flavor", "similarity")
        print_json(
            {**plain(answer), "results": [{name: getattr(row, name) for name in shown} for row in answer.results]}
        )
        return
    if not answer.results:
        out.print("There is nothing to find yet: process a video first.")
        return
    Listing("similarity", "barcode", "brand", "product", "variant", "id").print(
        [
            (f"{row.similarity:.3f}", row.barcode, row.brand_name, row.product_name, row.variant_flavor, row.product_id)
            for row in answer.results
        ]
    )
