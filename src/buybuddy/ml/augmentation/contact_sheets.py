"""Contact sheets: some of a product's pictures side by side, for people to look at."""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

UInt8Array = npt.NDArray[np.uint8]

TILE_PX, COLUMNS, ROWS = 144, 6, 4
_QUALITY = 85


class ContactSheet:
    """Takes pictures one after another, of which it shows as many as fit, evenly spread.

    Args:
        n_offered: how many pictures will be offered.
    """

    def __init__(self, n_offered: int) -> None:
        n_shown = min(n_offered, COLUMNS * ROWS)
        self._chosen = {n_offered * (2 * i + 1) // (2 * n_shown) for i in range(n_shown)}
        self._n_seen = 0
        self._tiles: list[Image.Image] = []

    @property
    def has_pictures(self) -> bool:
        return bool(self._tiles)

    def offer(self, jpeg: bytes) -> None:
        """Look at the next picture."""
        if self._n_seen in self._chosen:
            with Image.open(io.BytesIO(jpeg)) as picture:
                picture.draft("RGB", (TILE_PX, TILE_PX))
                tile = picture.convert("RGB")
            tile.thumbnail((TILE_PX, TILE_PX), Image.Resampling.BILINEAR)
            self._tiles.append(tile)
        self._n_seen += 1

    def encode(self) -> bytes:
        """Return the sheet as JPEG."""
        n_rows = -(-len(self._tiles) // COLUMNS)
        sheet = Image.new("RGB", (COLUMNS * TILE_PX, n_rows * TILE_PX), (24, 24, 24))
        for number, tile in enumerate(self._tiles):
            row, column = divmod(number, COLUMNS)
            at = column * TILE_PX + (TILE_PX - tile.width) // 2, row * TILE_PX + (TILE_PX - tile.height) // 2
            sheet.paste(tile, at)
        buffer = io.BytesIO()
        sheet.save(buffer, "JPEG", quality=_QUALITY)
        return buffer.getvalue()
