"""Products in the order in which a published index finds them; what was deleted since it was built is left out."""

from collections.abc import Sequence

import numpy as np

from buybuddy.domain.embeddings import repository
from buybuddy.domain.embeddings.shelf import Shelved
from buybuddy.domain.vectors.repository import ProductMatch
from buybuddy.infra.db import Database
from buybuddy.infra.vectors.published import IMAGES_PER_PRODUCT, MOST_IMAGES, best_of_products
from buybuddy.infra.vectors.server import IndexServer


async def rank_products(
    db: Database, server: IndexServer, shelved: Shelved, vectors: Sequence[Sequence[float]], k: int
) -> list[ProductMatch]:
    """Return the k nearest products: a product is as near as its best image, an image as its best query vector.

    An image counts for the product that it is of now. When too few products are left, more images are looked at.

    Args:
        vectors: unit rows of the index's dim; similarity is their inner product, in [-1, 1].
    Raises: Unavailable.
    """
    queries = np.asarray(vectors, dtype=np.float32)
    n_images = k * IMAGES_PER_PRODUCT
    while True:
        found = await server.search(queries, n_images, shelved.index)
        hits = shelved.index.hits(found)
        async with db.transaction() as session:
            product_of = await repository.products_of(session, [hit.image_id for hit in hits])
        present = [hit._replace(product_id=product_of[hit.image_id]) for hit in hits if hit.image_id in product_of]
        best = best_of_products(present, k)
        if len(best) == k or found.is_all or n_images >= min(MOST_IMAGES, shelved.index.facts.n_vectors):
            return [ProductMatch(hit.product_id, hit.image_id, hit.similarity) for hit in best]
        n_images *= 4
