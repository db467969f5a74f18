"""Decisions about videos that need no database."""

import re
from pathlib import PurePath

# What a container begins with. Source: ISO/IEC 14496-12 (ftyp), the Matroska specification (EBML), RIFF AVI.
_EBML = b"\x1aE\xdf\xa3"
HEAD_BYTES = 16


def container_suffix(head: bytes, filename: str) -> str | None:
    """Return the suffix to store a video with, judged by its first bytes; None when it is no video that we take.

    Args:
        head: the first HEAD_BYTES bytes.
        filename: only tells brothers apart (mp4 or mov, mkv or webm).
    """
    suffix = PurePath(filename).suffix.lower()
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return ".mov" if suffix == ".mov" else ".mp4"
    if head[:4] == _EBML:
        return ".webm" if suffix == ".webm" else ".mkv"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return ".avi"
    return None


def is_valid_gtin(code: str) -> bool:
    """Tell whether a code of 8 or 12-14 digits has the right check digit. Source: GS1 General Specifications 7.9."""
    if not re.fullmatch(r"\d{8}|\d{12,14}", code):
        return False
    digits = [int(digit) for digit in code]
    total = sum(digit * (3 if index % 2 == 0 else 1) for index, digit in enumerate(reversed(digits[:-1])))
    return (10 - total % 10) % 10 == digits[-1]


def barcode_in_filename(filename: str) -> str | None:
    """Return the barcode that a file is named after, as in `8690504034517.mp4` or `8690504034517_front.mp4`."""
    for run in re.findall(r"(?<!\d)\d{8,14}(?!\d)", PurePath(filename).stem):
        if is_valid_gtin(run):
            return str(run)
    return None
