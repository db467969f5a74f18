"""What fuzzing sends where random bytes get no further than the door, and the chances that it takes."""

import io
import uuid
import zlib
from typing import Any

import av
import numpy as np
from PIL import Image
from schemathesis import Case


def make_photo() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), (200, 30, 40)).save(file, "PNG")
    return file.getvalue()


PHOTO = make_photo()
TABLE = b"brand_name,barcode,status\nBrand,8690504012345,ready\nOther,12,nothing\n"


class Dice:
    """Chances that follow from the case alone, so that a case is the same whenever it is run again."""

    def __init__(self, case: Case[Any]) -> None:
        self._text = f"{case.method}{case.path}{case.path_parameters!r}{case.query!r}{case.body!r}".encode(
            errors="replace"
        )
        self._n = 0

    def _next(self) -> int:
        self._n += 1
        return zlib.crc32(self._text, self._n)

    def says(self, chance: float) -> bool:
        return self._next() % 1000 < chance * 1000

    def choice(self, of: list[str]) -> str:
        return of[self._next() % len(of)]


def make_barcode(number: int) -> str:
    """Return an EAN-8 with its check digit."""
    digits = f"{number % 10**7:07d}"
    total = sum(int(digit) * (3 if index % 2 == 0 else 1) for index, digit in enumerate(digits))
    return digits + str(-total % 10)


def make_clip() -> bytes:
    """Return a short video of noise, no two alike: enough to be taken in, nothing that a model could use."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        pictures = np.random.default_rng(uuid.uuid4().int % 2**32)
        for _ in range(20):
            picture = pictures.integers(0, 255, (120, 160, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return file.getvalue()
