"""`buybuddy photos`."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from buybuddy.cli.connect import connect
from buybuddy.cli.output import JsonOption, ServerOption, err, out, print_json, print_json_list
from buybuddy.cli.photo_files import LeftOut, PhotoFile, batches, open_source
from buybuddy.cli.products import Shown
from buybuddy.cli.tables import Listing
from buybuddy_sdk import Client
from buybuddy_sdk.models import PhotoOut, TakenPhotoOut

app = typer.Typer(no_args_is_help=True)

PAIRS_AT_ONCE = 100
LOOK_EVERY_S = 0.5
SHOWN = 20


@dataclass
class Imported:
    """What became of an import so far.

    Args:
        refused: files that are no photos, and photos that cannot be read.
        photos: id by name, of all that are in the pool; of two files with one name the last.
    """

    import_id: str
    new: int = 0
    known: int = 0
    refused: list[LeftOut] = field(default_factory=list)
    unread: int = 0
    assigned: int = 0
    unchanged: int = 0
    not_assigned: list[LeftOut] = field(default_factory=list)
    seconds: float = 0.0
    photos: dict[str, str] = field(default_factory=dict)


@app.callback()
def photos() -> None:
    """Group of commands about photos from stores."""


@app.command("import")
def import_photos(
    path: Annotated[
        Path,
        typer.Argument(
            exists=True,
            readable=True,
            help="A folder, a ZIP archive, or a CSV or XLSX file: path, and source, captured_at, barcode where known.",
        ),
    ],
    source: Annotated[str | None, typer.Option(help="Where they come from, unless the file says so.")] = None,
    assign: Annotated[
        bool, typer.Option("--assign", help="Make photos with a barcode real images of the product that has it.")
    ] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not wait until they are read.")] = False,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take photos into the pool; the same photo again is known, so an import that was broken off can be run again.

    Ends with exit code 1 when a file was refused, cannot be read, or could not be assigned, a row with a barcode whose
    file was not taken in included.
    """
    started_s = time.monotonic()
    found = open_source(path)
    with connect(server) as client, found.opened:
        begun = client.photos.begin_import(path.name or "photos", source=source or "upload")
        imported = Imported(str(begun.id), refused=list(found.left_out))
        taken = _send(client, found.files, imported)
        if not no_wait:
            first_in = {str(one.import_id) for one in taken.values() if one.import_id is not None}
            imported.unread = _wait(client, {imported.import_id, *first_in})
        imported.refused += [LeftOut(one.name, one.reason) for one in client.photos.problems(imported.import_id)]
        if assign:
            _assign(client, found.files, taken, imported)
    imported.seconds = round(time.monotonic() - started_s, 2)
    if as_json:
        print_json({**asdict(imported), "n_refused": len(imported.refused)})
    else:
        _show(imported)
    if imported.refused or imported.not_assigned or imported.unread:
        raise typer.Exit(1)


@app.command("list")
def list_photos(
    status: Annotated[str | None, typer.Option(help="unassigned, assigned or discarded.")] = None,
    source: Annotated[str | None, typer.Option()] = None,
    barcode: Annotated[str | None, typer.Option(help="Whole: of the import, or read in the photo.")] = None,
    search: Annotated[str | None, typer.Option(help="How the name begins.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0 lists all.")] = 50,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the pool of photos, newest first, and say how many there are in all."""
    listing = Listing(
        *("name", "source", "status", "barcode", "taken", "size", "id"), whole=("id",), gives_way=("size", "taken")
    )
    shown = Shown("photos")
    with connect(server) as client:
        found = client.photos.list(status=status, source=source, barcode=barcode, search=search)
        pages = shown.cut(found.pages(), limit)
        if as_json:
            print_json_list(pages)
        else:
            for rows in pages:
                if rows:
                    listing.print([_cells(row) for row in rows])
    if shown.n or as_json:
        err.print(shown.sentence(), highlight=False)
    else:
        out.print("No photo matches." if status or source or barcode or search else "No photo yet.")


def _cells(photo: PhotoOut) -> tuple[object, ...]:
    taken = photo.captured_at.date() if photo.captured_at else None
    size = f"{photo.width_px}×{photo.height_px}" if photo.width_px else None
    barcode = photo.barcode or next(iter(photo.barcodes_seen), None)
    return photo.name, photo.source, photo.status, barcode, taken, size, photo.id


def _bars() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    return Progress(*columns, TimeRemainingColumn(), console=err, transient=True, disable=not err.is_terminal)


def _send(client: Client, files: Sequence[PhotoFile], imported: Imported) -> dict[PhotoFile, TakenPhotoOut]:
    """Send files in batches; return what became of each that was sent."""
    answers: dict[PhotoFile, TakenPhotoOut] = {}
    started_s = time.monotonic()
    n_done = 0
    with _bars() as bars:
        task = bars.add_task("sending", total=len(files), rate="")
        for batch, left_out in batches(files):
            imported.refused += left_out
            if batch.files:
                taken = client.photos.add(*batch.files, rows=batch.rows, photo_import=imported.import_id)
                imported.new, imported.known = imported.new + taken.n_new, imported.known + taken.n_known
                answers |= dict(zip(batch.sent, taken.photos, strict=True))  # they come in the order of the request
            n_done += len(batch.files) + len(left_out)
            rate = n_done / (time.monotonic() - started_s)
            bars.update(task, completed=n_done, rate=f"{rate:.1f} photos/s")
    imported.photos = {one.name: str(one.photo_id) for one in answers.values() if one.photo_id is not None}
    return answers


def _wait(client: Client, import_ids: set[str]) -> int:
    """Wait until the photos of imports are read; return how many never will be, since their job has ended."""
    waiting, n_total, n_left_behind = set(import_ids), 0, 0
    started_s = time.monotonic()
    with _bars() as bars:
        task = bars.add_task("reading", total=None, rate="")
        while waiting:
            states = [client.photos.get_import(one) for one in sorted(waiting)]
            waiting = {str(one.id) for one in states if one.n_unread and one.is_being_read}
            n_left_behind += sum(one.n_unread for one in states if not one.is_being_read)
            n_unread = sum(one.n_unread for one in states)
            n_total = max(n_total, n_unread)
            rate = (n_total - n_unread) / max(time.monotonic() - started_s, 1e-3)
            bars.update(task, total=n_total, completed=n_total - n_unread, rate=f"{rate:.1f} photos/s")
            if waiting:
                time.sleep(LOOK_EVERY_S)
    return n_left_behind


def _assign(
    client: Client, files: Iterable[PhotoFile], taken: Mapping[PhotoFile, TakenPhotoOut], imported: Imported
) -> None:
    names: dict[str, str] = {}
    barcodes: dict[str, str] = {}
    for file in files:
        barcode = file.facts.get("barcode")
        if barcode is None:
            continue
        if file not in taken or taken[file].photo_id is None:
            imported.not_assigned.append(LeftOut(file.name, f"It was not taken in, so {barcode} got no photo of it."))
            continue
        photo_id = str(taken[file].photo_id)
        if barcodes.setdefault(photo_id, barcode) != barcode:
            reason = f"The same photo as {names[photo_id]}, which is said to show {barcodes[photo_id]}."
            imported.not_assigned.append(LeftOut(file.name, reason))
        names.setdefault(photo_id, file.name)
    pairs = list(barcodes.items())
    with _bars() as bars:
        task = bars.add_task("assigning", total=len(pairs), rate="")
        for start in range(0, len(pairs), PAIRS_AT_ONCE):
            for one in client.photos.assign(dict(pairs[start : start + PAIRS_AT_ONCE])):
                imported.assigned += one.status == "assigned"
                imported.unchanged += one.status == "unchanged"
                if one.status == "refused":
                    imported.not_assigned.append(LeftOut(names[str(one.photo_id)], one.reason or "It was refused."))
            bars.advance(task, PAIRS_AT_ONCE)


def _show(imported: Imported) -> None:
    counts = [f"{imported.new} new", f"{imported.known} known", f"{len(imported.refused)} refused"]
    if imported.unread:
        counts.append(f"{imported.unread} not read: see the jobs of import {imported.import_id}")
    if imported.assigned or imported.unchanged or imported.not_assigned:
        counts.append(f"{imported.assigned} assigned, {imported.unchanged} were so already")
    out.print(f"{'; '.join(counts)}; {imported.seconds:.0f} s.", highlight=False)
    for what, left_out in (("", imported.refused), ("not assigned: ", imported.not_assigned)):
        for one in left_out[:SHOWN]:
            err.print(f"{what}{one.name}: {one.reason}", markup=False, style="red")
        if len(left_out) > SHOWN:
            err.print(f"... {len(left_out)} in all; --json lists them.")
