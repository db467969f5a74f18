"""How an encoder's graphs are asked, and the statement that asks the one of product images.

A graph (migration 0012) serves only a statement that names its encoder as a constant and asks in the order of its
distance; what a filter leaves out is left out while it is walked (hnsw.iterative_scan). The vectors' halves in the
graph choose; what people see is counted anew from the whole vectors.
"""

import uuid
from functools import lru_cache

from sqlalchemy import TextClause, text

EF_SEARCH = 160  # how many the graph keeps in view; recall against exact search is in docs/BENCHMARKS.md
MOST_WALKED = 20_000
SETTINGS = text(
    f"SELECT set_config('hnsw.ef_search', '{EF_SEARCH}', true),"
    f" set_config('hnsw.iterative_scan', 'relaxed_order', true),"
    f" set_config('hnsw.max_scan_tuples', '{MOST_WALKED}', true), set_config('enable_seqscan', 'off', true),"
    " set_config('enable_sort', 'off', true), set_config('plan_cache_mode', 'force_custom_plan', true)"
)


@lru_cache(256)
def near_products(encoder_id: uuid.UUID, dim: int) -> TextClause:
    """Build the statement for products near a picture: product_id, image_id and similarity, the best image of each.

    Parameters: vectors (text[]) of the picture, without (uuid[]) products to leave out, n_images that the graph is
    asked for with each of them, n.
    """
    halves = f"halfvec({dim})"
    return text(f"""
        WITH query AS MATERIALIZED (SELECT unnest(CAST(:vectors AS text[]))::vector({dim}) AS v),
        near AS MATERIALIZED (
            SELECT DISTINCT found.image_id FROM query CROSS JOIN LATERAL (
                SELECT e.image_id FROM image_embeddings e WHERE e.encoder_id = '{encoder_id}'
                    AND e.image_id <> ALL (
                        ARRAY(SELECT id FROM product_images WHERE product_id = ANY (CAST(:without AS uuid[])))
                    )
                ORDER BY (e.embedding::{halves}) <#> query.v::{halves} LIMIT :n_images
            ) found
        ), scored AS (
            SELECT i.product_id, i.id AS image_id, max(-(e.embedding <#> query.v)) AS similarity
            FROM near JOIN image_embeddings e ON e.encoder_id = '{encoder_id}' AND e.image_id = near.image_id
            JOIN product_images i ON i.id = near.image_id CROSS JOIN query GROUP BY i.product_id, i.id
        ), best AS (
            SELECT DISTINCT ON (product_id) product_id, image_id, similarity
            FROM scored ORDER BY product_id, similarity DESC, image_id
        )
        SELECT product_id, image_id, similarity FROM best ORDER BY similarity DESC, product_id LIMIT :n
    """)
