"""`buybuddy products import`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from buybuddy.cli.connect import connect
from buybuddy.cli.output import JsonOption, ServerOption, err, out, print_json
from buybuddy.cli.pictures import Problem, SentPictures, names_pictures, read_pictures, send_pictures, wait_for_vectors
from buybuddy_sdk import Client, Import, Job
from buybuddy_sdk.models import ImportRowOut

SHOWN = 10
PROBLEMS_SHOWN = 50


class Mode(StrEnum):
    """What a file may do."""

    create_and_update = "create_and_update"
    update_only = "update_only"
    create_only = "create_only"


@dataclass
class AppliedRows:
    """What became of a manifest's rows; `reasons` say why some have no product to send pictures to."""

    counts: Counter[str] = field(default_factory=Counter)
    products: dict[int, str] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def import_products(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="A CSV or XLSX file.")],
    apply: Annotated[
        bool | None,
        typer.Option(
            "--apply/--preview", help="Do it, or only say what would be done; a manifest with pictures is applied."
        ),
    ] = None,
    mode: Annotated[Mode, typer.Option(help="What the file may do.")] = Mode.create_and_update,
    wait: Annotated[bool, typer.Option(help="Wait until the pictures can be found by a photo.")] = True,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a file of products would change, row by row compared with the catalogue; with --apply, change it.

    A column `images` holds the paths of pictures, relative to the file, with `;` between them: such a manifest is
    applied unless --preview is given, and can be sent again after an interruption.
    Ends with exit code 1 when a row or a picture cannot be read or was left as it is.
    """
    pictures = read_pictures(file)
    with connect(server) as client:
        preview = client.products.import_file(file, mode=mode.value)
        wants_apply = apply if apply is not None else pictures is not None
        if pictures is not None and wants_apply:
            is_whole = _import_manifest(client, file, preview, pictures, wait=wait, as_json=as_json)
        else:
            job = _apply(preview) if wants_apply and _has_work(preview) else None
            is_whole = _report(preview, job, as_json=as_json)
    if not is_whole:
        raise typer.Exit(1)


def _import_manifest(
    client: Client, file: Path, preview: Import, pictures: Mapping[int, Sequence[str]], *, wait: bool, as_json: bool
) -> bool:
    """Apply the rows, send their pictures, say what became of both; whether nothing was left out."""
    if not as_json:
        _show_preview(preview)
    job = _apply(preview) if _has_work(preview) else None
    rows = _read_outcomes(preview, job)
    sent = send_pictures(client, file.parent, pictures, rows.products, rows.reasons)
    if wait:
        wait_for_vectors(client, sent)
    problems = sorted([*rows.problems, *sent.problems], key=lambda problem: problem.row or 0)
    if as_json:
        print_json(_as_document(rows, sent, problems))
    else:
        _show_outcome(rows, sent, problems)
    return not problems


def _read_outcomes(preview: Import, job: Job | None) -> AppliedRows:
    """Ask which product each row is about, now that they were applied."""
    found = AppliedRows()
    for row in preview.rows():
        if row.kind == "error":
            found.problems += [Problem(row.row, error.column, error.reason) for error in row.errors]
            found.reasons[row.row] = "Its row has an error."
        elif row.kind == "unchanged" or row.outcome == "applied":
            found.counts[row.kind] += 1
            found.products[row.row] = str(row.product_id)
        else:
            _note_left_out(row, job, found)
    return found


def _note_left_out(row: ImportRowOut, job: Job | None, found: AppliedRows) -> None:
    ended = job.error_message or f"The import was {job.status}." if job is not None else "The row was not applied."
    found.problems.append(Problem(row.row, row.label, row.reason or ended))
    found.reasons[row.row] = "Its row was not applied."


def _as_document(rows: AppliedRows, sent: SentPictures, problems: Sequence[Problem]) -> dict[str, object]:
    return {
        "created": rows.counts["create"],
        "updated": rows.counts["update"],
        "unchanged": rows.counts["unchanged"],
        "images_new": sent.new,
        "images_known": sent.known,
        "images_refused": sent.refused,
        "problems": [asdict(problem) for problem in problems],
    }


def _show_outcome(rows: AppliedRows, sent: SentPictures, problems: Sequence[Problem]) -> None:
    counts = rows.counts
    out.print(f"{counts['create']} products created, {counts['update']} updated, {counts['unchanged']} unchanged.")
    out.print(f"{sent.new} pictures added, {sent.known} known already, {sent.refused} refused.")
    for problem in problems[:PROBLEMS_SHOWN]:
        err.print(f"row {problem.row}, {problem.item}: {problem.reason}", markup=False, style="red")
    if len(problems) > PROBLEMS_SHOWN:
        err.print(f"... {len(problems)} problems in all; --json lists them.")


def _report(preview: Import, job: Job | None, *, as_json: bool) -> bool:
    """Say what a file would do, or has done; whether nothing was left out."""
    if as_json:
        print_json({"preview": preview, "job": job})
    else:
        _show_preview(preview)
        _show_job(preview, job)
    n_failed = job.metrics.get("n_failed", 0) if job else 0
    return not (preview.counts.error or n_failed or (job is not None and job.status != "completed"))


def _has_work(preview: Import) -> bool:
    return bool(preview.counts.create + preview.counts.update)


def _apply(preview: Import) -> Job:
    with err.status("applying ...") as status:
        return preview.apply().wait(
            on_progress=lambda job: status.update(f"applying: {job.current_step or job.status}")
        )


def _show_preview(preview: Import) -> None:
    table = Table("create", "update", "unchanged", "error")
    table.add_row(*(str(getattr(preview.counts, kind)) for kind in ("create", "update", "unchanged", "error")))
    out.print(table)
    if ignored := [name for name in preview.columns.ignored if not names_pictures(name)]:
        out.print("Ignored columns: " + ", ".join(ignored), markup=False)
    for row in preview.samples.update[:SHOWN]:
        changes = [f"{name}: {row.before.get(name)!r} → {value!r}" for name, value in row.after.items()]
        changes += [f"barcode added: {code}" for code in row.barcodes_added]
        out.print(f"row {row.row}: {row.label}: {'; '.join(changes)}", markup=False)
    for error in preview.errors[:SHOWN]:
        err.print(f"row {error.row}, {error.column}: {error.reason} ({error.value!r})", markup=False, style="red")
    if preview.total_errors > SHOWN:
        err.print(f"... {preview.total_errors} errors in all")


def _show_job(preview: Import, job: Job | None) -> None:
    if job is None:
        out.print("Nothing was changed; --apply does it." if _has_work(preview) else "There is nothing to change.")
        return
    out.print(f"{job.status}: {job.metrics.get('n_done', 0)} rows applied.")
    for failure in job.metrics.get("failures", [])[:SHOWN]:
        err.print(f"row {failure['item']}, {failure['label']}: {failure['reason']}", markup=False, style="red")
