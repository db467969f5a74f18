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
    """Decode the retail barcodes in a picture, at several sizes because small and blurred bars are misread.

    Args:
        image_rgb: (H, W, 3) uint8 RGB.
    Returns: valid codes as printed, leading zeros kept; a code appears once for each size at which it was decoded.
    """
    grey = cv2.cvtColor(image_rgb, cv2.COLOR_RGB2GRAY)
    sightings = _decode(np.asarray(grey, np.uint8))
    for scale in (1.5, 2.0):
        if max(grey.shape[:2]) <= _SMALL_SIDE_PX:
            larger = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
            sightings += _decode(np.asarray(larger, np.uint8))
    return tuple(sightings)


def _decode(grey: npt.NDArray[np.uint8]) -> list[str]:
    retail = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.AllRetail)
    results = zxingcpp.read_barcodes(np.ascontiguousarray(grey), formats=retail)
    codes = (str(result.text).strip() for result in results if result.valid)
    return [code for code in dict.fromkeys(codes) if is_valid_barcode(code)]


def rank_barcodes(sightings_of_views: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Order all codes by how often they were decoded, most often first; ties by the code itself.

    A check digit lets one misreading in ten through, so a code decoded once is dropped where another was decoded
    at least three times as often.
    """
    counted = Counter(code for sightings in sightings_of_views for code in sightings)
    most = max(counted.values(), default=0)
    kept = [code for code, n in counted.items() if n * 3 > most or n >= 3]
    return tuple(sorted(kept, key=lambda code: (-counted[code], code)))
