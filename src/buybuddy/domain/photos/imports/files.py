"""The files of an import, judged by their content: photos, and ZIP archives of photos. All of it blocks."""

import hashlib
import lzma
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

from buybuddy.domain.photos.rules import plain_name
from buybuddy.domain.products.images.rules import HEAD_BYTES, LARGEST_IMAGE_BYTES, image_suffix

MOST_ENTRIES = 10_000
MOST_UNPACKED_BYTES = 8 * 2**30
MOST_LISTED = 4 * MOST_ENTRIES  # with folders and litter
MOST_DIRECTORY_BYTES = 16 * 2**20  # of an archive, which is read into memory whole
_ZIP_HEADS = (b"PK\x03\x04", b"PK\x05\x06")
# What archives hold beside what somebody has put into them.
_LITTER = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
# What reading a damaged archive ends with, whichever way it packs.
UNREADABLE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, NotImplementedError, RuntimeError, OSError,
    ValueError,
)  # fmt: skip


@dataclass(frozen=True)
class FoundPhoto:
    """A file that begins as a photo does, read whole."""

    name: str
    data: bytes
    suffix: str
    sha256: str


@dataclass(frozen=True)
class RefusedFile:
    """A file that is no photo, and why."""

    name: str
    reason: str


def list_files(name: str, file: BinaryIO) -> Iterator[FoundPhoto | RefusedFile]:
    """Yield a photo, or those of a ZIP archive one by one, and what is none with its reason."""
    size_bytes = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(HEAD_BYTES)
    file.seek(0)
    if head.startswith(_ZIP_HEADS):
        yield from _list_entries(name, file)
    elif size_bytes > LARGEST_IMAGE_BYTES:
        yield _too_large(name)
    else:
        yield _judge(name, file.read())


def _list_entries(name: str, file: BinaryIO) -> Iterator[FoundPhoto | RefusedFile]:
    try:
        if (reason := _refuse_directory(file)) is not None:
            yield RefusedFile(plain_name(name), reason)
            return
        with zipfile.ZipFile(file) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir() and not is_litter(entry.filename)]
            if len(entries) > MOST_ENTRIES:
                yield RefusedFile(plain_name(name), f"The archive has {len(entries)} files; at most {MOST_ENTRIES}.")
                return
            if sum(entry.file_size for entry in entries) > MOST_UNPACKED_BYTES:
                yield RefusedFile(
                    plain_name(name), f"The archive holds more than {MOST_UNPACKED_BYTES // 2**30} GiB unpacked."
                )
                return
            for entry in entries:
                yield _read_entry(archive, entry)
    except UNREADABLE:
        yield RefusedFile(plain_name(name), "The archive is damaged.")


def _refuse_directory(file: BinaryIO) -> str | None:
    """Return why an archive's directory is not read, by the record at its end; ZipFile makes objects of all of it."""
    record = zipfile._EndRecData(file)  # type: ignore[attr-defined]  # the one that ZipFile goes by, of all in the file
    if record is None:
        return None  # no archive, as ZipFile will say
    n_listed, n_bytes = record[zipfile._ECD_ENTRIES_TOTAL], record[zipfile._ECD_SIZE]  # type: ignore[attr-defined]
    if n_listed > MOST_LISTED:
        return f"The archive lists {n_listed} files and folders; at most {MOST_ENTRIES} files are taken."
    if n_bytes > MOST_DIRECTORY_BYTES:
        return f"The list of the archive's files is larger than {MOST_DIRECTORY_BYTES // 2**20} MiB."
    return None


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> FoundPhoto | RefusedFile:
    if entry.file_size > LARGEST_IMAGE_BYTES:
        return _too_large(entry.filename)
    if stat.S_ISLNK(entry.external_attr >> 16):
        return RefusedFile(plain_name(entry.filename), "This is a link, not a file.")
    if entry.flag_bits & 1:
        return RefusedFile(plain_name(entry.filename), "It is locked with a password.")
    try:
        with archive.open(entry) as opened:
            data = opened.read(LARGEST_IMAGE_BYTES + 1)
    except UNREADABLE:
        return RefusedFile(plain_name(entry.filename), "It is damaged in the archive.")
    return _judge(entry.filename, data)


def is_litter(filename: str) -> bool:
    """Tell whether a file is what a system has put beside those of a person."""
    path = PurePosixPath(filename)
    return "__MACOSX" in path.parts or path.name in _LITTER


def _too_large(name: str) -> RefusedFile:
    return RefusedFile(plain_name(name), f"The photo is larger than {LARGEST_IMAGE_BYTES // 2**20} MiB.")


def _judge(name: str, data: bytes) -> FoundPhoto | RefusedFile:
    if not data:
        return RefusedFile(plain_name(name), "The file is empty.")
    if len(data) > LARGEST_IMAGE_BYTES:
        return _too_large(name)
    suffix = image_suffix(data[:HEAD_BYTES])
    if suffix is None:
        return RefusedFile(plain_name(name), "This is not a JPEG, PNG or WebP picture.")
    return FoundPhoto(plain_name(name), data, suffix, hashlib.sha256(data).hexdigest())
