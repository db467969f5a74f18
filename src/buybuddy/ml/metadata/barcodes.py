"""Barcodes: decoding, check digits, and when two codes are the same article."""

from collections import Counter
from collections.abc import Iterable, Sequence

import cv2
import numpy as np
import numpy.typing as npt
import zxingcpp

_LENGTHS = (8, 12, 13, 14)
_SMALL_SIDE_PX = 900


def compute_check_digit(body: str) -> str:
    """Compute the GS1 check digit of the digits before it.

    Args:
        body: the code without its last digit.
    Returns: one digit.
    Source: GS1 General Specifications, section 7.9: weights 3 and 1 from the right.
    """
    total = sum(int(digit) * (3 if position % 2 == 0 else 1) for position, digit in enumerate(reversed(body)))
    return str(-total % 10)


def is_valid_barcode(code: str) -> bool:
    """Tell whether a string is a GTIN (8, 12, 13 or 14 digits) with a correct check digit."""
    return len(code) in _LENGTHS and code.isascii() and code.isdigit() and compute_check_digit(code[:-1]) == code[-1]


def is_same_article(first: str, second: str) -> bool:
    """Tell whether two codes name the same article: a UPC-A is an EAN-13 with a leading zero."""
    return first.strip().zfill(14) == second.strip().zfill(14)


def read_barcodes(image_rgb: npt.NDArray[np.uint8]) -> tuple[str, ...]:
    """Decode the retail barcodes in a picture.

    Args:
        image_rgb: (H, W, 3) uint8 RGB.
    Returns: valid codes as printed, leading zeros kept, each once.
    """
    found = _decode(image_rgb)
    if not found and max(image_rgb.shape[:2]) <= _SMALL_SIDE_PX:
        doubled = cv2.resize(image_rgb, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        found = _decode(np.asarray(doubled, np.uint8))
    return found


def _decode(image_rgb: npt.NDArray[np.uint8]) -> tuple[str, ...]:
    retail = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.AllRetail)
    results = zxingcpp.read_barcodes(np.ascontiguousarray(image_rgb), formats=retail)
    codes = (str(result.text).strip() for result in results if result.valid)
    return tuple(dict.fromkeys(code for code in codes if is_valid_barcode(code)))


def rank_barcodes(codes_of_views: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Order all codes by how many views showed them, most often first; ties by the code itself."""
    counted = Counter(code for codes in codes_of_views for code in set(codes))
    return tuple(sorted(counted, key=lambda code: (-counted[code], code)))
