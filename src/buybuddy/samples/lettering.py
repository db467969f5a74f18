"""Text and barcodes on labels, with the scalable fonts that OpenCV carries (Turkish letters included)."""

import cv2
import numpy as np
import numpy.typing as npt
import zxingcpp

from buybuddy.samples.catalogue import Rgb

Picture = npt.NDArray[np.uint8]

_QUIET_MODULES = 9


def _face_for(text: str, is_italic: bool) -> str:
    # The variable font draws a slashed zero, which no package has; the other one is plain but complete.
    if "0" in text:
        return "uni"
    return "italic" if is_italic else "sans"


def measure_text(text: str, size_px: int, weight: int = 400, is_italic: bool = False) -> int:
    """Measure the width of a line of text in pixels at the given font size."""
    face = cv2.FontFace(_face_for(text, is_italic))
    box = cv2.getTextSize((8192, 512), text, (0, 256), face, size_px, weight)
    return int(box[2])


def fit_size(text: str, max_width_px: float, max_size_px: float, weight: int = 400, *, is_italic: bool = False) -> int:
    """Find the largest font size at which a line of text is no wider than `max_width_px`."""
    probe = measure_text(text, 64, weight, is_italic)
    return max(6, min(int(max_size_px), int(64 * max_width_px / max(probe, 1))))


def draw_text(
    picture: Picture,
    text: str,
    xy: tuple[float, float],
    size_px: int,
    colour: Rgb,
    weight: int = 400,
    *,
    align: str = "centre",
    is_italic: bool = False,
) -> int:
    """Draw one line of text in place.

    Args:
        picture: (H, W, 3) uint8 RGB, changed in place.
        text: the line.
        xy: baseline position in pixels; x is the left end, the middle or the right end by `align`.
        size_px: font size in pixels.
        colour: RGB.
        weight: 100 (thin) to 1000 (black).
        align: "left", "centre" or "right".
        is_italic: slanted letters.
    Returns: the width of the line in pixels.
    """
    face_name = _face_for(text, is_italic)
    width = measure_text(text, size_px, weight, is_italic)
    shift = {"left": 0.0, "centre": width / 2, "right": float(width)}[align]
    x, y = round(xy[0] - shift), round(xy[1])
    face = cv2.FontFace(face_name)
    spread = round(size_px * 0.022 * max(0, weight - 400) / 200) if face_name == "uni" else 0
    for dx in range(-spread, spread + 1, max(1, spread)):
        for dy in range(-spread, spread + 1, max(1, spread)):
            cv2.putText(picture, text, (x + dx, y + dy), colour, face, size_px, weight)
    return width


def draw_fitted(
    picture: Picture,
    text: str,
    xy: tuple[float, float],
    max_width_px: float,
    max_size_px: float,
    colour: Rgb,
    weight: int = 400,
    *,
    align: str = "centre",
    is_italic: bool = False,
) -> int:
    """Draw one line as large as the width allows, in place; returns the font size used. See `draw_text`."""
    size = fit_size(text, max_width_px, max_size_px, weight, is_italic=is_italic)
    draw_text(picture, text, xy, size, colour, weight, align=align, is_italic=is_italic)
    return size


def wrap_text(text: str, max_width_px: float, size_px: int, weight: int = 400) -> list[str]:
    """Break a text into lines no wider than `max_width_px`."""
    lines: list[str] = []
    for word in text.split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and measure_text(joined, size_px, weight) <= max_width_px:
            lines[-1] = joined
        else:
            lines.append(word)
    return lines


def draw_paragraph(
    picture: Picture,
    text: str,
    xy: tuple[float, float],
    max_width_px: float,
    size_px: int,
    colour: Rgb,
    *,
    align: str = "left",
    weight: int = 400,
) -> float:
    """Draw wrapped text in place; returns the y of the next free baseline."""
    y = xy[1]
    for line in wrap_text(text, max_width_px, size_px, weight):
        draw_text(picture, line, (xy[0], y), size_px, colour, weight, align=align)
        y += size_px * 1.25
    return y


def build_ean13(barcode: str, module_px: int, height_px: int) -> Picture:
    """Draw an EAN-13 symbol with quiet zones and its digits, black on white.

    Args:
        barcode: 13 digits with a valid check digit; leading zeros stay.
        module_px: width of the narrowest bar in pixels.
        height_px: height of the whole symbol in pixels, digits included.
    Returns: (height_px, 113 * module_px, 3) uint8 RGB.
    Raises: ValueError if the code is not a valid EAN-13.
    """
    if len(barcode) != 13 or not barcode.isdigit():
        raise ValueError(f"not an EAN-13: {barcode!r}")
    symbol = zxingcpp.create_barcode(barcode, zxingcpp.BarcodeFormat.EAN13)
    row = np.array(symbol.to_image(scale=1, add_quiet_zones=False))[0]
    if row.size != 95 or symbol.text != barcode:
        raise ValueError(f"not an EAN-13: {barcode!r}")
    width = (95 + 2 * _QUIET_MODULES) * module_px
    picture = np.full((height_px, width, 3), 255, np.uint8)
    bars = np.repeat(row, module_px)[None, :, None]
    left = _QUIET_MODULES * module_px
    digits_px = max(10, 10 * module_px)
    top, bottom = 4 * module_px, height_px - digits_px
    picture[top:bottom, left : left + bars.shape[1]] = bars
    for first, last in ((0, 3), (45, 50), (92, 95)):  # the guard bars reach down between the digits
        span = slice(left + first * module_px, left + last * module_px)
        picture[bottom : bottom + digits_px // 2, span] = bars[:, first * module_px : last * module_px]
    baseline = height_px - digits_px // 8
    groups = ((barcode[0], -_QUIET_MODULES * 0.55), (barcode[1:7], 24.5), (barcode[7:], 70.5))
    for text, module in groups:
        draw_text(picture, text, (left + module * module_px, baseline), int(digits_px * 0.95), (0, 0, 0), 400)
    return picture
