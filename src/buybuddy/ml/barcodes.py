"""Reading the barcodes that shops use."""

import numpy as np
import numpy.typing as npt
import zxingcpp

UInt8Array = npt.NDArray[np.uint8]

_FORMATS = zxingcpp.BarcodeFormats(
    [
        zxingcpp.BarcodeFormat.EAN13,
        zxingcpp.BarcodeFormat.EAN8,
        zxingcpp.BarcodeFormat.UPCA,
        zxingcpp.BarcodeFormat.UPCE,
    ]
)


def read_barcodes(image: UInt8Array) -> list[str]:
    """Decode every EAN and UPC code whose check digit is right.

    Args:
        image: (H, W) uint8 grey or (H, W, 3) uint8 of any colour order.
    Returns: 8 digits for EAN-8, else 13: a UPC comes with its leading zero, as the EAN-13 that it is. Each code once,
        in the order found.
    """
    found = zxingcpp.read_barcodes(np.ascontiguousarray(image), formats=_FORMATS)
    return list(dict.fromkeys(barcode.text for barcode in found if barcode.valid and barcode.text.isdigit()))
