"""`buybuddy products import`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from buybuddy.cli.connect import connect
from buybuddy.cli.output import JsonOption, ServerOption, err, out, print_json
from buybuddy_sdk import Import, Job

SHOWN = 10


class Mode(StrEnum):
    """What a file may do."""

    create_and_update = "create_and_update"
    update_only = "update_only"
    create_only = "create_only"


def import_products(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="A CSV or XLSX file.")],
    apply: Annotated[bool, typer.Option("--apply", help="Do it; without this, only say what would be done.")] = False,
    mode: Annotated[Mode, typer.Option(help="What the file may do.")] = Mode.create_and_update,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a file of products would change, row by row compared with the catalogue; with --apply, change it.

    Ends with exit code 1 when a row cannot be read or was left as it is.
    """
    with connect(server) as client:
        preview = client.products.import_file(file, mode=mode.value)
        job = _apply(preview) if apply and _has_work(preview) else None
    if as_json:
        print_json({"preview": preview, "job": job})
    else:
        _show(preview, job)
    n_failed = job.metrics.get("n_failed", 0) if job else 0
    if preview.counts.error or n_failed or (job is not None and job.status != "completed"):
        raise typer.Exit(1)


def _has_work(preview: Import) -> bool:
    return bool(preview.counts.create + preview.counts.update)


def _apply(preview: Import) -> Job:
    with err.status("applying ...") as status:
        return preview.apply().wait(
            on_progress=lambda job: status.update(f"applying: {job.current_step or job.status}")
        )


def _show(preview: Import, job: Job | None) -> None:
    table = Table("create", "update", "unchanged", "error")
    table.add_row(*(str(getattr(preview.counts, kind)) for kind in ("create", "update", "unchanged", "error")))
    out.print(table)
    if preview.columns.ignored:
        out.print("Ignored columns: " + ", ".join(preview.columns.ignored), markup=False)
    for row in preview.samples.update[:SHOWN]:
        changes = [f"{name}: {row.before.get(name)!r} → {value!r}" for name, value in row.after.items()]
        changes += [f"barcode added: {code}" for code in row.barcodes_added]
        out.print(f"row {row.row}: {row.label}: {'; '.join(changes)}", markup=False)
    for error in preview.errors[:SHOWN]:
        err.print(f"row {error.row}, {error.column}: {error.reason} ({error.value!r})", markup=False, style="red")
    if preview.total_errors > SHOWN:
        err.print(f"... {preview.total_errors} errors in all")
    if job is None:
        out.print("Nothing was changed; --apply does it." if _has_work(preview) else "There is nothing to change.")
        return
    out.print(f"{job.status}: {job.metrics.get('n_done', 0)} rows applied.")
    for failure in job.metrics.get("failures", [])[:SHOWN]:
        err.print(f"row {failure['item']}, {failure['label']}: {failure['reason']}", markup=False, style="red")
