"""The pictures of a manifest: which row names which files, and sending them to their products."""

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from buybuddy.cli.output import err, explain_os_error
from buybuddy.domain.products.images.rules import LARGEST_IMAGE_BYTES, MOST_FILES
from buybuddy.domain.products.imports.files import read_rows
from buybuddy.domain.products.imports.rules import clean_text, fold_name
from buybuddy_sdk import Client, Conflict, InvalidInput, LockLost, NotFound, ResourceLocked
from buybuddy_sdk.models import SentImage

PICTURE_COLUMNS = frozenset({"images", "image", "imagepaths", "imagepath", "gorsel", "gorseller", "resim", "resimler"})
BATCH_BYTES = 48 * 1024 * 1024  # a request takes 64 MiB
WAITED_AT_ONCE = 20


@dataclass(frozen=True)
class Problem:
    """What was left out; `item` is a file or a column, `row` is numbered as a spreadsheet shows it."""

    row: int | None
    item: str
    reason: str


@dataclass
class SentPictures:
    """What became of a manifest's pictures so far; `jobs` embed them, by id, each with a row that it is about."""

    new: int = 0
    known: int = 0
    refused: int = 0
    problems: list[Problem] = field(default_factory=list)
    jobs: dict[str, int] = field(default_factory=dict)

    def refuse(self, row: int, item: str, reason: str) -> None:
        """Note a picture that was not taken."""
        self.refused += 1
        self.problems.append(Problem(row, item, reason))


def read_pictures(file: Path) -> dict[int, list[str]] | None:
    """Return the paths of each row that names any, as they are written; None when the file has no column of pictures.

    Raises: InvalidInput, UnreadableMedia for what is no table.
    """
    rows = read_rows(io.BytesIO(file.read_bytes()))
    _, header = next(rows, (0, []))
    columns = [index for index, cell in enumerate(header) if names_pictures(cell.text)]
    if not columns:
        return None
    found: dict[int, list[str]] = {}
    for row_no, cells in rows:
        named = [clean_text(cells[index].text) for index in columns if index < len(cells)]
        paths = [path.strip() for text in named for path in text.split(";") if path.strip()]
        if paths:
            found[row_no] = list(dict.fromkeys(paths))
    return found


def names_pictures(column: str) -> bool:
    """Return whether a column of this name holds paths of pictures."""
    return fold_name(column) in PICTURE_COLUMNS


def send_pictures(
    client: Client,
    folder: Path,
    rows: Mapping[int, Sequence[str]],
    products: Mapping[int, str],
    reasons: Mapping[int, str],
) -> SentPictures:
    """Send each row's pictures to its product; files that are missing or no pictures stop no others.

    Args:
        folder: where relative paths begin.
        products: ids by row.
        reasons: why a row has no product, by row.
    """
    sent = SentPictures()
    with _bars() as bars:
        task = bars.add_task("pictures", total=sum(map(len, rows.values())))
        for row, names in rows.items():
            if row in products:
                for batch in _batches(_existing(folder, row, names, sent)):
                    _send(client, products[row], row, batch, sent)
            else:
                for name in names:
                    sent.refuse(row, name, reasons.get(row, "The row was not applied."))
            bars.advance(task, len(names))
    return sent


def wait_for_vectors(client: Client, sent: SentPictures) -> None:
    """Wait until every picture that was sent can be found, and note those that could not be embedded."""
    ids = list(sent.jobs)
    with _bars() as bars:
        task = bars.add_task("embedding", total=len(ids))
        for start in range(0, len(ids), WAITED_AT_ONCE):
            some = ids[start : start + WAITED_AT_ONCE]
            for job in client.jobs.wait(some, progress=False):
                row = sent.jobs[str(job.id)]
                if job.status != "completed":
                    reason = job.error_message or f"The job was {job.status}."
                    sent.problems.append(Problem(row, f"job {job.id}", reason))
                for failure in job.metrics.get("failures", []):
                    sent.problems.append(Problem(row, f"image {failure['image_id']}", failure["reason"]))
            bars.advance(task, len(some))


def _bars() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=err, transient=True, disable=not err.is_terminal)


def _existing(folder: Path, row: int, names: Sequence[str], sent: SentPictures) -> Iterator[tuple[str, Path, int]]:
    """Yield the files that are there, each with its name in the manifest and its size."""
    for name in names:
        path = folder / name.replace("\\", "/")
        try:
            with path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
        except (OSError, ValueError) as error:
            sent.refuse(row, name, _explain(error))
            continue
        if size > LARGEST_IMAGE_BYTES:
            sent.refuse(row, name, f"The picture is larger than {LARGEST_IMAGE_BYTES // 2**20} MiB.")
        else:
            yield name, path, size


def _explain(error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return "There is no such file."
    return explain_os_error(error) if isinstance(error, OSError) else "This is no file's name."


def _batches(files: Iterator[tuple[str, Path, int]]) -> Iterator[list[tuple[str, Path]]]:
    batch: list[tuple[str, Path]] = []
    n_bytes = 0
    for name, path, size in files:
        if batch and (n_bytes + size > BATCH_BYTES or len(batch) == MOST_FILES):
            yield batch
            batch, n_bytes = [], 0
        batch.append((name, path))
        n_bytes += size
    if batch:
        yield batch


def _send(client: Client, product_id: str, row: int, batch: Sequence[tuple[str, Path]], sent: SentPictures) -> None:
    try:
        answer = client.products.add_images(product_id, *(path for _, path in batch))
    except (Conflict, InvalidInput, LockLost, NotFound, ResourceLocked) as error:
        for name, _ in batch:
            sent.refuse(row, name, error.detail)
        return
    for (name, _), one in zip(batch, answer.files, strict=True):
        _count(row, name, one, sent)
    if answer.job is not None:
        sent.jobs[str(answer.job.id)] = row


def _count(row: int, name: str, one: SentImage, sent: SentPictures) -> None:
    if one.outcome == "added":
        sent.new += 1
    elif one.outcome == "known":
        sent.known += 1
    else:
        sent.refuse(row, name, one.reason or "It was refused.")
