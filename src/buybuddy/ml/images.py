"""Reading pictures that come from outside: one way for photos, frames and queries."""

import contextlib
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from buybuddy.errors import StageFailed, UnreadableMedia

UInt8Array = npt.NDArray[np.uint8]

MAX_PIXELS = 60_000_000
_FORMATS = ("JPEG", "PNG", "WEBP")
_GREY_16_BIT = ("I;16", "I;16B", "I;16L", "I")


@dataclass(frozen=True)
class ReadImage:
    """A picture as read.

    Args:
        rgb: (H, W, 3) uint8 RGB, perhaps shrunk.
        full_size_wh: upright size in the file.
    """

    rgb: UInt8Array
    full_size_wh: tuple[int, int]


def read_image_rgb(path: Path, *, max_side_px: int | None = None) -> UInt8Array:
    """Read a JPEG, PNG or WebP file; see `read_image`, which also tells its full size."""
    return read_image(path, max_side_px=max_side_px).rgb


def read_image(path: Path, *, max_side_px: int | None = None) -> ReadImage:
    """Read a JPEG, PNG or WebP file, upright as its EXIF orientation says, transparency on white.

    Args:
        path: the file; its content decides, not its name.
        max_side_px: shrink larger pictures to this side; a large JPEG is then also decoded faster.
    Raises: UnreadableMedia when it is no such picture, is damaged, or has more than 60 megapixels.
    """
    try:
        with Image.open(path, formats=_FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise UnreadableMedia(
                    f"The picture has {width * height / 1e6:.0f} megapixels, more than {MAX_PIXELS // 1_000_000}."
                )
            if max_side_px is not None:
                image.draft(
                    "RGB", (max_side_px, max_side_px)
                )  # JPEG only: decodes at a half, a quarter ... of the size
            image.load()
            upright: Image.Image = image
            with contextlib.suppress(ValueError, TypeError, SyntaxError, KeyError, struct.error):  # damaged EXIF
                upright = ImageOps.exif_transpose(image)
            is_turned = (upright.width > upright.height) != (width > height)
            rgb = _to_rgb(upright)
            if max_side_px is not None:
                rgb.thumbnail((max_side_px, max_side_px), Image.Resampling.BOX, reducing_gap=None)
            full_size_wh = (height, width) if is_turned else (width, height)
            return ReadImage(np.array(rgb, dtype=np.uint8), full_size_wh)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadableMedia(f"The picture is too large: at most {MAX_PIXELS // 1_000_000} megapixels.") from error
    except UnidentifiedImageError as error:
        raise UnreadableMedia("This is not a JPEG, PNG or WebP picture.") from error
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        raise UnreadableMedia(f"The picture is damaged: {error}.") from error


def read_matte(path: Path) -> UInt8Array:
    """Read an 8-bit matte as (H, W) uint8, 255 where the product is. Raises: UnreadableMedia."""
    try:
        with Image.open(path, formats=("PNG",)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise UnreadableMedia("The matte is too large.")
            return np.array(image.convert("L"), dtype=np.uint8)
    except (OSError, SyntaxError, ValueError) as error:
        raise UnreadableMedia(f"The matte is damaged: {error}.") from error


def encode_picture(image: UInt8Array, extension: Literal[".png", ".webp"]) -> bytes:
    """Encode a (H, W, 3) uint8 RGB picture or a (H, W) uint8 matte. Raises: StageFailed."""
    settings = [cv2.IMWRITE_PNG_COMPRESSION, 3] if extension == ".png" else [cv2.IMWRITE_WEBP_QUALITY, 82]
    is_ok, data = cv2.imencode(
        extension, cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image, settings
    )
    if not is_ok:
        raise StageFailed(f"A picture could not be written as {extension}.")
    return bytes(data)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in _GREY_16_BIT:
        return Image.fromarray((np.asarray(image, dtype=np.uint32) >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")
