"""Photos in archives: what is damaged is said of each, and what follows it is read."""

import io
import zipfile
from pathlib import Path

import pytest

from buybuddy.cli.photo_files import batches, open_source
from buybuddy.domain.photos.imports.files import FoundPhoto, RefusedFile, list_files
from buybuddy.errors import UnreadableMedia

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20
PACKED = {
    "stored": zipfile.ZIP_STORED,
    "deflated": zipfile.ZIP_DEFLATED,
    "bz2": zipfile.ZIP_BZIP2,
    "lzma": zipfile.ZIP_LZMA,
}


def damaged_archive() -> bytes:
    """Build an archive of one photo packed in each way, each damaged in its middle, and a sound one behind them."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, kind in PACKED.items():
            archive.writestr(zipfile.ZipInfo(f"{name}.png"), PNG, kind)
        archive.writestr("sound.png", PNG)
        infos = archive.infolist()
    data = bytearray(buffer.getvalue())
    for info in infos[:-1]:
        begin = info.header_offset + 30 + len(info.filename)
        for place in range(begin + 12, begin + info.compress_size):
            data[place] ^= 0x5A
    return bytes(data)


def test_what_is_damaged_in_an_archive_is_said_and_the_rest_is_taken() -> None:
    found = list(list_files("may.zip", io.BytesIO(damaged_archive())))
    assert [(one.name, one.reason) for one in found if isinstance(one, RefusedFile)] == [
        (f"{name}.png", "It is damaged in the archive.") for name in PACKED
    ]
    assert [one.name for one in found if isinstance(one, FoundPhoto)] == ["sound.png"]


def test_the_command_line_goes_on_behind_what_is_damaged_too(tmp_path: Path) -> None:
    archive = tmp_path / "may.zip"
    archive.write_bytes(damaged_archive())
    source = open_source(archive)
    with source.opened:
        [(batch, left_out)] = batches(source.files)
    reason = "It is damaged in the archive, or locked with a password."
    assert [(one.name, one.reason) for one in left_out] == [(f"{name}.png", reason) for name in PACKED]
    assert [one.name for one in batch.files] == ["sound.png"]


@pytest.mark.parametrize(
    ("n", "letters", "reason"),
    [
        (66_000, 1, "The archive lists 66000 files and folders; at most 10000 files are taken."),
        (300, 60_000, "The list of the archive's files is larger than 16 MiB."),
    ],
)
def test_a_list_of_files_without_end_is_not_read(n: int, letters: int, reason: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(n):
            archive.writestr(zipfile.ZipInfo(f"{number}".zfill(letters)), b"")
    assert list(list_files("may.zip", buffer)) == [RefusedFile("may.zip", reason)]


def test_an_archive_without_a_sound_directory_is_damaged_as_a_whole(tmp_path: Path) -> None:
    data = bytearray(damaged_archive())
    data[data.index(b"PK\x01\x02")] ^= 0xFF
    [refused] = list_files("may.zip", io.BytesIO(bytes(data)))
    assert refused == RefusedFile("may.zip", "The archive is damaged.")
    archive = tmp_path / "may.zip"
    archive.write_bytes(data)
    with pytest.raises(UnreadableMedia, match=r"may\.zip is damaged"):
        open_source(archive)
