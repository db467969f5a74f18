"""The photos of a manifest, a folder or a ZIP archive, each with what is known of it, in batches that fit a request."""

import datetime as dt
import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from buybuddy.cli.output import explain_os_error
from buybuddy.domain.photos.imports.files import UNREADABLE, is_litter
from buybuddy.domain.products.images.rules import HEAD_BYTES, LARGEST_IMAGE_BYTES, image_suffix
from buybuddy.domain.products.imports.files import read_rows
from buybuddy.errors import InvalidInput, UnreadableMedia
from buybuddy_sdk import NamedFile

BATCH_FILES = 16
BATCH_BYTES = 48 * 1024 * 1024
NOT_A_PHOTO = "This is not a JPEG, PNG or WebP picture."
FACTS = ("source", "captured_at", "barcode", "external_id")
_BARCODE = re.compile(r"[0-9A-Za-z]{1,32}")


@dataclass(frozen=True)
class PhotoFile:
    """A file to be sent, under the path by which it is known, and what is known of it."""

    name: str
    facts: Mapping[str, str]
    read: Callable[[], bytes] = field(repr=False)


@dataclass(frozen=True)
class LeftOut:
    """A file that is not sent, or was sent and is no photo, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Batch:
    """What is sent in one request."""

    files: Sequence[NamedFile]
    rows: Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class PhotoSource:
    """What is to be imported; what is left out already has a reason."""

    files: Sequence[PhotoFile]
    left_out: Sequence[LeftOut]
    opened: AbstractContextManager[object]


def open_source(path: Path) -> PhotoSource:
    """List the photos of a folder, a ZIP archive, or a CSV or XLSX manifest with the column `path`.

    Raises: InvalidInput, UnreadableMedia.
    """
    if path.is_dir():
        return _open_folder(path)
    if path.suffix.lower() != ".xlsx" and zipfile.is_zipfile(path):
        return _open_archive(path)
    return _open_manifest(path)


def batches(files: Sequence[PhotoFile]) -> Iterator[tuple[Batch, list[LeftOut]]]:
    """Read files and yield them in batches, each with those that cannot be sent."""
    named: list[NamedFile] = []
    rows: list[Mapping[str, str]] = []
    left_out: list[LeftOut] = []
    n_bytes = 0
    for file in files:
        try:
            data = _checked(file.read())
        except UNREADABLE as error:
            left_out.append(LeftOut(file.name, _explain(error)))
            continue
        except UnreadableMedia as error:
            left_out.append(LeftOut(file.name, error.detail))
            continue
        if named and (len(named) == BATCH_FILES or n_bytes + len(data) > BATCH_BYTES):
            yield Batch(named, rows), left_out
            named, rows, left_out, n_bytes = [], [], [], 0
        named.append(NamedFile(file.name, data))
        n_bytes += len(data)
        if file.facts:
            rows.append({"name": file.name, **file.facts})
    yield Batch(named, rows), left_out


def _open_folder(folder: Path) -> PhotoSource:
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not is_litter(str(path)))
    files = [PhotoFile(path.relative_to(folder).as_posix(), {}, _reader(path)) for path in paths]
    return PhotoSource(files, [], nullcontext())


def _open_archive(path: Path) -> PhotoSource:
    try:
        archive = zipfile.ZipFile(path)
    except UNREADABLE as error:
        raise UnreadableMedia(f"The archive {path.name} is damaged.") from error
    files = [
        PhotoFile(entry.filename, {}, _entry_reader(archive, entry))
        for entry in archive.infolist()
        if not entry.is_dir() and not is_litter(entry.filename)
    ]
    return PhotoSource(files, [], archive)


def _open_manifest(path: Path) -> PhotoSource:
    rows = read_rows(io.BytesIO(path.read_bytes()))
    _, header = next(rows, (0, []))
    columns = {cell.text.strip().lower(): index for index, cell in enumerate(header)}
    if "path" not in columns:
        raise InvalidInput(f"{path.name} has no column `path`; there are {', '.join(columns) or 'none'}.")
    files: dict[str, PhotoFile] = {}
    left_out = []
    for row_no, cells in rows:
        values = {name: cells[index].text.strip() for name, index in columns.items() if index < len(cells)}
        name = values.get("path", "")
        if not name:
            left_out.append(LeftOut(f"row {row_no}", "It names no file."))
            continue
        facts = {fact: value for fact in FACTS if (value := values.get(fact, ""))}
        facts["barcode"] = facts.get("barcode", "").replace(" ", "")
        if (reason := _wrong_fact(facts)) is not None:
            left_out.append(LeftOut(name, f"{reason} (row {row_no})"))
            continue
        known = {fact: value for fact, value in facts.items() if value}
        files.setdefault(name, PhotoFile(name, known, _reader(path.parent / name.replace("\\", "/"))))
    return PhotoSource(list(files.values()), left_out, nullcontext())


def _wrong_fact(facts: Mapping[str, str]) -> str | None:
    barcode = facts.get("barcode", "")
    if barcode and not _BARCODE.fullmatch(barcode):
        return f"{barcode!r} is no barcode: digits and letters only, at most 32."
    try:
        dt.datetime.fromisoformat(facts.get("captured_at", "2000-01-01"))
    except ValueError:
        return f"{facts['captured_at']!r} is no time like 2026-05-04T09:30:00."
    return None


def _reader(path: Path) -> Callable[[], bytes]:
    def read() -> bytes:
        if path.stat().st_size > LARGEST_IMAGE_BYTES:
            raise UnreadableMedia(f"The photo is larger than {LARGEST_IMAGE_BYTES // 2**20} MiB.")
        return path.read_bytes()

    return read


def _entry_reader(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Callable[[], bytes]:
    def read() -> bytes:
        if entry.file_size > LARGEST_IMAGE_BYTES:
            raise UnreadableMedia(f"The photo is larger than {LARGEST_IMAGE_BYTES // 2**20} MiB.")
        return archive.read(entry)

    return read


def _checked(data: bytes) -> bytes:
    if image_suffix(data[:HEAD_BYTES]) is None:
        raise UnreadableMedia(NOT_A_PHOTO if data else "The file is empty.")
    return data


def _explain(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "There is no such file."
    if isinstance(error, OSError) and error.errno is not None:  # else it says how damaged an archive is
        return explain_os_error(error)
    return "It is damaged in the archive, or locked with a password."
