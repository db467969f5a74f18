"""The vectors that a product is known by: those of its frames and uploads, and of the photos matched with it."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pgvector import Vector
from sqlalchemy import text

from buybuddy.infra.db import Session

FloatArray = npt.NDArray[np.float32]

MOST_VIEWS = 128  # of a product, that candidates are compared with

# As bytes: writing and reading numbers as text takes longer than finding candidates.
_VIEWS = text("""
    (SELECT true AS is_image, e.image_id AS id, vector_send(e.embedding) AS vector
     FROM image_embeddings e JOIN product_images i ON i.id = e.image_id
     WHERE e.encoder_id = :encoder AND i.product_id = :product AND i.image_type <> 'augmented' LIMIT :most)
    UNION ALL
    (SELECT false, e.photo_id, vector_send(e.embedding) FROM photo_embeddings e JOIN real_images p ON p.id = e.photo_id
     WHERE e.encoder_id = :encoder AND p.product_id = :product ORDER BY p.updated_at DESC LIMIT :most)
    ORDER BY is_image DESC LIMIT :most
""")


@dataclass(frozen=True)
class Views:
    """Vectors with the images and photos they are of, so that statements can name them instead of sending them.

    Args:
        image_ids, photo_ids: whose vectors they are, the images first.
        vectors: (n, dim) float32 unit rows; (0, 0) for none.
    """

    image_ids: tuple[uuid.UUID, ...]
    photo_ids: tuple[uuid.UUID, ...]
    vectors: FloatArray

    def __len__(self) -> int:
        return len(self.vectors)

    def choose(self, rows: Iterable[int]) -> "Views":
        """Return some of them, by their row."""
        images = [row for row in rows if row < len(self.image_ids)]
        photos = [row for row in rows if row >= len(self.image_ids)]
        return Views(
            tuple(self.image_ids[row] for row in images),
            tuple(self.photo_ids[row - len(self.image_ids)] for row in photos),
            self.vectors[[*images, *photos]],
        )


NO_VIEWS = Views((), (), np.empty((0, 0), np.float32))


async def views_of_product(session: Session, encoder_id: uuid.UUID, product_id: uuid.UUID) -> Views:
    """Return at most MOST_VIEWS vectors; of the matched photos the newest."""
    values = {"encoder": encoder_id, "product": product_id, "most": MOST_VIEWS}
    rows = (await session.execute(_VIEWS, values)).all()
    if not rows:
        return NO_VIEWS
    return Views(
        tuple(row.id for row in rows if row.is_image),
        tuple(row.id for row in rows if not row.is_image),
        np.array([Vector.from_binary(row.vector).to_numpy() for row in rows], dtype=np.float32),
    )
