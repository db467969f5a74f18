"""`buybuddy datasets`."""

import uuid
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from buybuddy.cli.connect import connect
from buybuddy.cli.exports import report_export
from buybuddy.cli.named import find_dataset
from buybuddy.cli.output import JsonOption, ServerOption, check_folder_of, err, out, print_json
from buybuddy.cli.tables import Listing
from buybuddy.domain.datasets.rules import ExportFormat
from buybuddy.errors import InvalidInput
from buybuddy_sdk.models import AddedOut, DatasetOut

app = typer.Typer(no_args_is_help=True)

DatasetArgument = Annotated[str, typer.Argument(help="A dataset's id, or its whole name in any case.")]
VersionOption = Annotated[
    int | None, typer.Option("--version", min=1, help="A frozen version; else the present state.")
]


@app.callback()
def datasets() -> None:
    """Group of commands about datasets."""


@app.command("list")
def list_datasets(
    search: Annotated[str | None, typer.Option(help="A part of the name.")] = None,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """List datasets, newest first."""
    with connect(server) as client:
        rows = client.datasets.list(search=search).to_list()
    if as_json:
        print_json(rows)
        return
    if not rows:
        out.print("No dataset matches." if search else "No dataset yet.")
        return
    columns = ("name", "products", "synthetic", "real", "augmented", "versions", "id")
    Listing(*columns, gives_way=("augmented", "real", "synthetic")).print([_cells(row) for row in rows])


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Unique, whatever the case and the accents.")],
    description: Annotated[str, typer.Option()] = "",
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an empty dataset."""
    with connect(server) as client:
        made = client.datasets.create(name, description)
    _report(made, f"{made.name}: {made.id}", as_json)


@app.command("add")
def add(
    dataset: DatasetArgument,
    product_ids: Annotated[list[uuid.UUID] | None, typer.Argument(help="Products by id; or use the filters.")] = None,
    search: Annotated[str | None, typer.Option(help="Beginnings of words or of a barcode.")] = None,
    status: Annotated[str | None, typer.Option(help="pending, processing, needs_matching, ready or rejected.")] = None,
    category: Annotated[str | None, typer.Option()] = None,
    everything: Annotated[bool, typer.Option("--all", help="The whole catalogue.")] = False,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put products into a dataset: named ones, or all that filters find."""
    has_filters = (search, status, category) != (None, None, None)
    if [bool(product_ids), has_filters, everything].count(True) != 1:
        raise InvalidInput("Name products, or give filters, or say --all; one of the three.")
    with connect(server) as client:
        dataset_id = find_dataset(client, dataset)
        # The client itself never takes nothing for everything.
        done = (
            AddedOut.model_validate(client.request("POST", f"/datasets/{dataset_id}/products", json={"filters": {}}))
            if everything
            else client.datasets.add_products(
                dataset_id, product_ids or None, search=search, status=status, category=category
            )
        )
    _report(done, f"{done.added:,} added, {done.already_there:,} were there", as_json)
    for product_id in done.missing:
        err.print(f"There is no product {product_id}.", style="red", highlight=False)
    if done.missing:
        raise typer.Exit(1)


@app.command("freeze")
def freeze(
    dataset: DatasetArgument,
    train: Annotated[float, typer.Option(min=0, max=1)] = 0.8,
    val: Annotated[float, typer.Option(min=0, max=1)] = 0.1,
    test: Annotated[float, typer.Option(min=0, max=1)] = 0.1,
    seed: Annotated[int, typer.Option(min=0)] = 42,
    note: Annotated[str, typer.Option()] = "",
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Freeze a dataset, split by product; the same seed always gives the same split."""
    with connect(server) as client:
        version = client.datasets.freeze(
            find_dataset(client, dataset), train=train, val=val, test=test, seed=seed, note=note
        )
    splits = ", ".join(f"{name} {getattr(version.splits, name).products:,}" for name in ("train", "val", "test"))
    text = f"version {version.number}: {version.image_count:,} images; products: {splits}"
    _report(version, text, as_json)


@app.command("export")
def export(
    dataset: DatasetArgument,
    form: Annotated[ExportFormat, typer.Option("--format")],
    output: Annotated[Path, typer.Option(help="The ZIP file to write.", dir_okay=False)],
    version: VersionOption = None,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a dataset as a ZIP for machine-learning tools."""
    check_folder_of(output)
    with connect(server) as client:
        client.datasets.export(find_dataset(client, dataset), format=form, version=version, to=output)
    report_export(output, form, as_json)


@app.command("verify")
def verify(
    dataset: DatasetArgument,
    version: Annotated[int, typer.Option("--version", min=1)],
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare a frozen version with what is in storage; exit code 1 when anything is missing or changed."""
    found: dict[str, Any] = {"n_checked": 0, "n_missing": 0, "n_changed": 0, "missing": [], "changed": []}
    with connect(server) as client, Progress(console=err, transient=True, disable=not err.is_terminal) as bars:
        dataset_id = find_dataset(client, dataset)
        task = bars.add_task("verify", total=None)
        start: int | None = 0
        while start is not None:
            part = client.datasets.verify(dataset_id, version, start=start)
            for name in found.keys() - {"is_manifest_intact"}:
                found[name] = found[name] + getattr(part, name)
            found["is_manifest_intact"] = found.get("is_manifest_intact", True) and part.is_manifest_intact
            start = part.next_start
            bars.update(task, total=part.n_images, completed=found["n_checked"])
    is_whole = found["is_manifest_intact"] and not found["n_missing"] and not found["n_changed"]
    text = f"{found['n_checked']:,} images: {found['n_missing']:,} missing, {found['n_changed']:,} changed"
    _report(found, text + ("" if found["is_manifest_intact"] else "; the manifest itself was changed"), as_json)
    if not is_whole:
        raise typer.Exit(1)


def _cells(row: DatasetOut) -> tuple[object, ...]:
    about = "" if row.is_image_count_exact else "about "
    images = (f"{about}{n:,}" for n in (row.synthetic_count, row.real_count, row.augmented_count))
    return row.name, f"{row.product_count:,}", *images, row.last_version_number, row.id


def _report(document: Any, text: str, as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        out.print(text, highlight=False, markup=False)
