"""The statements that find candidates by their vectors.

An encoder's graph (migration 0012) holds its vectors of open photos. It serves only a statement that names the encoder
as a constant and asks in the order of its distance; what a filter leaves out is left out while the graph is walked
(hnsw.iterative_scan), so that a page is full whatever was decided before. The vectors' halves in the graph choose; the
order that people see is counted anew from the whole vectors, over every view of the product.
"""

import uuid

from sqlalchemy import TextClause, text

EF_SEARCH = 160  # how many the graph keeps in view; recall against exact search is in docs/BENCHMARKS.md
MOST_WALKED = 20_000
SETTINGS = text(
    f"SELECT set_config('hnsw.ef_search', '{EF_SEARCH}', true),"
    f" set_config('hnsw.iterative_scan', 'relaxed_order', true),"
    f" set_config('hnsw.max_scan_tuples', '{MOST_WALKED}', true), set_config('enable_seqscan', 'off', true),"
    " set_config('enable_sort', 'off', true), set_config('plan_cache_mode', 'force_custom_plan', true)"
)

# Each is a look at one row, so that the planner has no other order to choose.
SOURCE_IS = "(SELECT r.source FROM real_images r WHERE r.id = e.photo_id) = :source"
CAPTURED_SINCE = "(SELECT r.captured_at FROM real_images r WHERE r.id = e.photo_id) >= :captured_since"


def near_photos(encoder_id: uuid.UUID, dim: int, *, has_source: bool, has_since: bool) -> TextClause:
    """Build the statement for open photos near a product: photo_id and similarity, the best first.

    Parameters: probes (text[]) the views that the graph is asked with, views (text[]) those that similarity is counted
    with, decided (uuid[]) photos to leave out, per_probe, n; source and captured_since where they are asked for.
    """
    filters = "".join(
        f" AND {condition}"
        for condition, is_asked in ((SOURCE_IS, has_source), (CAPTURED_SINCE, has_since))
        if is_asked
    )
    return text(f"""
        WITH probe AS MATERIALIZED (SELECT unnest(CAST(:probes AS text[]))::halfvec({dim}) AS v),
        view AS MATERIALIZED (SELECT unnest(CAST(:views AS text[]))::vector({dim}) AS v),
        near AS MATERIALIZED (
            SELECT DISTINCT found.photo_id FROM probe CROSS JOIN LATERAL (
                SELECT e.photo_id FROM photo_embeddings e
                WHERE e.encoder_id = '{encoder_id}' AND e.is_open
                  AND e.photo_id <> ALL(CAST(:decided AS uuid[])){filters}
                ORDER BY (e.embedding::halfvec({dim})) <#> probe.v LIMIT :per_probe
            ) found
        )
        SELECT e.photo_id, max(-(e.embedding <#> view.v)) AS similarity
        FROM near JOIN photo_embeddings e ON e.encoder_id = '{encoder_id}' AND e.photo_id = near.photo_id
        CROSS JOIN view GROUP BY e.photo_id ORDER BY similarity DESC LIMIT :n
    """)


def near_products(encoder_id: uuid.UUID, dim: int) -> TextClause:
    """Build the statement for products near a photo: product_id, image_id and similarity, the best image of each.

    Parameters: vector (text), n_images that the graph is asked for, n.
    """
    return text(f"""
        WITH query AS MATERIALIZED (SELECT CAST(:vector AS text)::vector({dim}) AS v),
        near AS MATERIALIZED (
            SELECT e.image_id, -(e.embedding <#> query.v) AS similarity FROM query CROSS JOIN LATERAL (
                SELECT e.image_id, e.embedding FROM image_embeddings e WHERE e.encoder_id = '{encoder_id}'
                ORDER BY (e.embedding::halfvec({dim})) <#> query.v::halfvec({dim}) LIMIT :n_images
            ) e
        ), best AS (
            SELECT DISTINCT ON (i.product_id) i.product_id, i.id AS image_id, near.similarity
            FROM near JOIN product_images i ON i.id = near.image_id ORDER BY i.product_id, near.similarity DESC, i.id
        )
        SELECT product_id, image_id, similarity FROM best ORDER BY similarity DESC, product_id LIMIT :n
    """)
