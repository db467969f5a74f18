"""The statements that find and write suggestions, many in each."""

import uuid
from functools import lru_cache

from sqlalchemy import TextClause, text

PER_PHOTO = 5  # products
KEPT_PER_PHOTO = 20  # products, those that found the photo by themselves among them
IMAGES_PER_PHOTO = 48  # that the graph is asked for: several may be of one product


@lru_cache(16)
def near_products_of(encoder_id: uuid.UUID, dim: int) -> TextClause:
    """Build the statement for the products nearest to each of some open photos: photo_id, product_id, similarity.

    Parameters: photo_ids (uuid[]).
    """
    halves = f"halfvec({dim})"
    return text(f"""
        WITH asked AS MATERIALIZED (
            SELECT e.photo_id, e.embedding FROM photo_embeddings e
            WHERE e.encoder_id = '{encoder_id}' AND e.is_open AND e.photo_id = ANY (CAST(:photo_ids AS uuid[]))
        ), alike AS (
            SELECT a.photo_id, i.product_id, max(-(n.embedding <#> a.embedding)) AS similarity
            FROM asked a CROSS JOIN LATERAL (
                SELECT e.image_id, e.embedding FROM image_embeddings e WHERE e.encoder_id = '{encoder_id}'
                ORDER BY (e.embedding::{halves}) <#> a.embedding::{halves} LIMIT {IMAGES_PER_PHOTO}
            ) n JOIN product_images i ON i.id = n.image_id AND i.image_type <> 'augmented'
            GROUP BY a.photo_id, i.product_id
        ), ranked AS (
            SELECT alike.*, row_number() OVER (PARTITION BY photo_id ORDER BY similarity DESC, product_id) AS place
            FROM alike
        )
        SELECT photo_id, product_id, similarity FROM ranked WHERE place <= {PER_PHOTO}
    """)


# Products before photos, each in the order of their ids: as decisions/service.py locks them.
HOLD_PRODUCTS = text(
    "SELECT id FROM products WHERE id = ANY (CAST(:product_ids AS uuid[])) ORDER BY id FOR KEY SHARE"
)  # fmt: skip
HOLD_PHOTOS = text("SELECT id FROM real_images WHERE id = ANY (CAST(:photo_ids AS uuid[])) ORDER BY id FOR KEY SHARE")
WRITE = text("""
    INSERT INTO match_suggestions AS s (photo_id, product_id, encoder_id, similarity)
    SELECT c.photo_id, c.product_id, :encoder, c.similarity
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS c (photo_id uuid, product_id uuid, similarity float8)
    ON CONFLICT (photo_id, product_id) DO UPDATE SET encoder_id = EXCLUDED.encoder_id, similarity = EXCLUDED.similarity
    WHERE (s.encoder_id, s.similarity) IS DISTINCT FROM (EXCLUDED.encoder_id, EXCLUDED.similarity)
""")
FORGET_OTHERS = text("""
    DELETE FROM match_suggestions WHERE encoder_id <> :encoder
    AND (photo_id = ANY (CAST(:photo_ids AS uuid[])) OR product_id = ANY (CAST(:product_ids AS uuid[])))
""")
# How much a photo prefers a product is counted over all of its pairs, so that there must not be hundreds. What somebody
# else is writing at this moment is left to them: two who removed each other's would wait for each other.
KEEP_BEST = text(f"""
    WITH ranked AS MATERIALIZED (
        SELECT photo_id, product_id,
            row_number() OVER (PARTITION BY photo_id ORDER BY similarity DESC, product_id) AS place
        FROM match_suggestions WHERE encoder_id = :encoder AND photo_id = ANY (CAST(:photo_ids AS uuid[]))
    ), surplus AS MATERIALIZED (
        SELECT s.photo_id, s.product_id FROM ranked r JOIN match_suggestions s USING (photo_id, product_id)
        WHERE r.place > {KEPT_PER_PHOTO} FOR UPDATE OF s SKIP LOCKED
    )
    DELETE FROM match_suggestions s USING surplus u WHERE s.photo_id = u.photo_id AND s.product_id = u.product_id
""")
