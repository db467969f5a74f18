"""The photos of a manifest, a folder or a ZIP archive, each with what is known of it, in batches that fit a request."""

import datetime as dt
import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from buybuddy.cli.output import explain_os_error
from buybuddy.domain.photos.imports.facts import PhotoRow, refuse_number
from buybuddy.domain.photos.imports.files import UNREADABLE, is_litter
from buybuddy.domain.photos.rules import plain_name
from buybuddy.domain.products.images.rules import HEAD_BYTES, LARGEST_IMAGE_BYTES, image_suffix
from buybuddy.domain.products.imports.files import read_rows
from buybuddy.errors import InvalidInput, UnreadableMedia
from buybuddy_sdk import NamedFile

BATCH_FILES = 16
BATCH_BYTES = 48 * 1024 * 1024
NOT_A_PHOTO = "This is not a JPEG, PNG or WebP picture."
FACTS = ("source", "captured_at", "barcode", "external_id")
_BARCODE = re.compile(r"[0-9A-Za-z]{1,32}")


@dataclass(frozen=True, eq=False)
class PhotoFile:
    """A file to be sent, and what is known of it.

    Args:
        name: the path under which it is sent, as the pool will show it; two files may have one.
    """

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
    """What is sent in one request, no two files under one name: by it a row is known to be of a file."""

    sent: Sequence[PhotoFile]
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
    sent: list[PhotoFile] = []
    named: list[NamedFile] = []
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
        is_full = len(sent) == BATCH_FILES or n_bytes + len(data) > BATCH_BYTES
        if sent and (is_full or any(one.name == file.name for one in sent)):
            yield _batch(sent, named), left_out
            sent, named, left_out, n_bytes = [], [], [], 0
        sent.append(file)
        named.append(NamedFile(file.name, data))
        n_bytes += len(data)
    yield _batch(sent, named), left_out


def _batch(sent: Sequence[PhotoFile], named: Sequence[NamedFile]) -> Batch:
    return Batch(sent, named, [{"name": file.name, **file.facts} for file in sent if file.facts])


def _open_folder(folder: Path) -> PhotoSource:
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not is_litter(str(path)))
    files = [PhotoFile(plain_name(path.relative_to(folder).as_posix()), {}, _reader(path)) for path in paths]
    return PhotoSource(files, [], nullcontext())


def _open_archive(path: Path) -> PhotoSource:
    try:
        archive = zipfile.ZipFile(path)
    except UNREADABLE as error:
        raise UnreadableMedia(f"The archive {path.name} is damaged.") from error
    files = [
        PhotoFile(plain_name(entry.filename), {}, _entry_reader(archive, entry))
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
        place = name.replace("\\", "/")
        try:
            file = PhotoFile(plain_name(name), _check_facts(name, values), _reader(path.parent / place))
        except InvalidInput as error:
            left_out.append(LeftOut(name, f"{error.detail} (row {row_no})"))
            continue
        if files.setdefault(place, file).facts != file.facts:
            left_out.append(
                LeftOut(name, f"It is listed before, and other things are said of it there. (row {row_no})")
            )
    return PhotoSource(list(files.values()), left_out, nullcontext())


def _check_facts(name: str, values: Mapping[str, str]) -> Mapping[str, str]:
    """Return what a row says of a photo, as the server takes it. Raises: InvalidInput, where it would refuse it."""
    facts: dict[str, object] = {fact: value for fact in FACTS if (value := values.get(fact))}
    barcode = values.get("barcode", "").replace(" ", "")
    if barcode and not _BARCODE.fullmatch(barcode):
        raise InvalidInput(f"{barcode!r} is no barcode: digits and letters only, at most 32.")
    if captured_at := values.get("captured_at"):
        facts["captured_at"] = _read_moment(captured_at)
    try:
        row = PhotoRow.model_validate({"name": plain_name(name), **facts, "barcode": barcode or None})
    except ValidationError as error:
        [first, *_] = error.errors()
        what = first["msg"].removeprefix("Value error, ")
        raise InvalidInput(f"{first['loc'][0]}: {what}.") from error
    known = {fact: getattr(row, fact) for fact in FACTS}
    return {
        fact: value.isoformat() if isinstance(value, dt.datetime) else value
        for fact, value in known.items()
        if value is not None
    }


def _read_moment(text: str) -> dt.datetime:
    """Return a moment. Raises: InvalidInput for what is none, or a number: nobody could tell which."""
    try:
        return dt.datetime.fromisoformat(str(refuse_number(text)))
    except ValueError as error:
        raise InvalidInput(f"{text!r} is no time like 2026-05-04T09:30:00.") from error


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
