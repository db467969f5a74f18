"""Made-up vectors that lie as those of real pictures do: photos around their product, products around their category.

A photo is its product's centre and as much noise as makes two photos of one product about 0.7 alike, two products of
one category about 0.36, and two others not at all; a view of a product is nearer to the centre than a photo is.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

PRODUCTS_PER_CATEGORY = 50
CATEGORY_SHARE, PHOTO_NOISE, VIEW_NOISE = 0.6, 0.65, 0.4
BLOCK = 20_000


@dataclass(frozen=True)
class Pool:
    """A pool of photos of so many products.

    Args:
        n_per_product: photos of each.
    """

    n_photos: int = 500_000
    n_per_product: int = 25
    dim: int = 384
    seed: int = 5

    @property
    def n_products(self) -> int:
        return max(1, self.n_photos // self.n_per_product)

    def centres(self) -> FloatArray:
        """Return the centre of each product: (n_products, dim) float32 unit rows."""
        chooser = np.random.default_rng(self.seed)
        n_categories = -(-self.n_products // PRODUCTS_PER_CATEGORY)
        categories = unit_rows(chooser.standard_normal((n_categories, self.dim), dtype=np.float32))
        own = unit_rows(chooser.standard_normal((self.n_products, self.dim), dtype=np.float32))
        mixed = (
            CATEGORY_SHARE * categories[np.arange(self.n_products) % n_categories]
            + (1 - CATEGORY_SHARE**2) ** 0.5 * own
        )
        return unit_rows(mixed)

    def photos(self, centres: FloatArray) -> Iterator[FloatArray]:
        """Yield the vectors in blocks of (BLOCK, dim) float32 unit rows; photo i is of product i % n_products."""
        chooser = np.random.default_rng(self.seed + 1)
        for start in range(0, self.n_photos, BLOCK):
            numbers = np.arange(start, min(start + BLOCK, self.n_photos)) % self.n_products
            yield around(centres[numbers], PHOTO_NOISE, chooser)


def around(centres: FloatArray, noise: float, chooser: np.random.Generator) -> FloatArray:
    """Return a unit row near each centre, `noise` of it another direction: (n, dim) float32."""
    other = unit_rows(chooser.standard_normal(centres.shape, dtype=np.float32))
    return unit_rows(centres + np.float32(noise) * other)


def unit_rows(rows: FloatArray) -> FloatArray:
    """Return rows of length 1."""
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)
