"""`buybuddy matching evaluate`."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from buybuddy.cli.connect import connect
from buybuddy.cli.output import JsonOption, ServerOption, err, out, plain, print_json
from buybuddy.cli.tables import print_table
from buybuddy_sdk import Evaluation
from buybuddy_sdk.models import JobOut

SHOWN = 10
FIGURES = ("photo_to_product", "product_to_photo", "macro", "queries", "products", "products_with_photos", "n_folded")


def evaluate(
    truth: Annotated[
        Path,
        typer.Option(
            exists=True, dir_okay=False, readable=True, help="CSV or XLSX; columns path (as imported) and barcode."
        ),
    ],
    category: Annotated[str | None, typer.Option(help="Only products of it, and photos of them.")] = None,
    encoder: Annotated[str | None, typer.Option(help="By its name; else the one that serves.")] = None,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how often photos find their product, and products their photos, with the vectors that are there.

    A product is as similar to a photo as the best of its own pictures; approved photos are none of those. From
    products to photos one of near-duplicates takes part.
    """
    with connect(server) as client:
        begun = client.matching.evaluate(
            truth,
            category=category,
            encoder=encoder,
            wait_for_slot=math.inf,
            on_wait=_say_once(),
        )
        with _bar() as bar:
            found = begun.wait(on_progress=bar)
        left_out = [{"path": row.path, "reason": row.reason} for row in found.left_out()]
    if as_json:
        print_json(_document(found, left_out))
    else:
        _show(found, left_out)


def _say_once() -> Callable[[str], None]:
    """Return what says why the platform has to be waited for: imports have their photos matched first."""
    said: set[str] = set()

    def say(why: str) -> None:
        if why not in said:
            err.print(f"{why} Waiting ...", style="dim")
            said.add(why)

    return say


class _Bar:
    """Shows the job that works; the second one begins anew."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("waiting", total=100.0)

    def __call__(self, job: JobOut) -> None:
        self._progress.update(self._task, completed=job.progress, description=job.current_step or job.status)


@contextmanager
def _bar() -> Iterator[_Bar]:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        yield _Bar(progress)


def _document(found: Evaluation, left_out: list[dict[str, str]]) -> dict[str, Any]:
    result = plain(found.result)
    return {
        **{name: result[name] for name in FIGURES},
        "category": found.category,
        "encoder": plain(found.encoder),
        "evaluation_id": str(found.id),
        "left_out": left_out,
    }


def _show(found: Evaluation, left_out: list[dict[str, str]]) -> None:
    result = plain(found.result)
    table = Table("ranking", "figure", "of all alike", "per product")
    for ranking, words in (("photo_to_product", "photo → product"), ("product_to_photo", "product → photo")):
        for name, share in result[ranking].items():
            table.add_row(words, name, f"{share:.3f}", f"{result['macro'][ranking][name]:.3f}")
    print_table(table)
    where = f" of the category {found.category}" if found.category else ""
    out.print(
        f"{result['queries']:,} photos of {result['products_with_photos']:,} products, among "
        f"{result['products']:,} products{where}; {result['n_folded']:,} near-duplicates folded; "
        f"encoder {found.encoder.name} ({found.encoder.preprocessing}).",
        highlight=False,
        markup=False,
    )
    for row in left_out[:SHOWN]:
        err.print(f"{row['path']}: {row['reason']}", markup=False, highlight=False, style="yellow")
    if len(left_out) > SHOWN:
        err.print(f"... {len(left_out):,} rows left out in all; --json lists them.")
