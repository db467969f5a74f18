"""The statements that find candidates by their vectors.

An encoder's graph (migration 0012) holds its vectors of open photos. It serves only a statement that names the encoder
as a constant and asks in the order of its distance; what a filter leaves out is left out while the graph is walked
(hnsw.iterative_scan), so that a page is full whatever was decided before. The vectors' halves in the graph choose; the
order that people see is counted anew from the whole vectors, over every view of the product.
"""

import uuid
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import TextClause, text

EF_SEARCH = 160  # how many the graph keeps in view; recall against exact search is in docs/BENCHMARKS.md
MOST_WALKED = 20_000
N_PROBES, FILTERED_PROBES = 6, 3  # views that choose; similarity is counted over all of them
OVER_FETCH = 8  # by their signs alone, of which the best by their whole vectors are kept
SETTINGS = text(
    f"SELECT set_config('hnsw.ef_search', '{EF_SEARCH}', true),"
    f" set_config('hnsw.iterative_scan', 'relaxed_order', true),"
    f" set_config('hnsw.max_scan_tuples', '{MOST_WALKED}', true), set_config('enable_seqscan', 'off', true),"
    " set_config('enable_sort', 'off', true), set_config('plan_cache_mode', 'force_custom_plan', true)"
)

SOURCE_IS = "e.source = CAST(:source AS text)"
CAPTURED_SINCE = "e.captured_at >= CAST(:captured_since AS timestamptz)"


@dataclass(frozen=True)
class PoolPart:
    """Which of an encoder's vectors of open photos are looked at."""

    encoder_id: uuid.UUID
    dim: int
    has_source: bool = False
    has_since: bool = False

    def conditions(self) -> str:
        """Return the conditions on photo_embeddings e; parameters: source and captured_since where they are asked."""
        wanted = [f"e.encoder_id = '{self.encoder_id}'", "e.is_open"]
        wanted += [SOURCE_IS] if self.has_source else []
        wanted += [CAPTURED_SINCE] if self.has_since else []
        return " AND ".join(wanted)


@lru_cache(256)
def count_part(part: PoolPart) -> TextClause:
    """Build the statement for how many there are, up to at_most."""
    return text(f"""
        SELECT count(*) FROM (SELECT 1 FROM photo_embeddings e WHERE {part.conditions()} LIMIT :at_most) fitting
    """)


@lru_cache(256)
def near_photos(part: PoolPart, *, is_small: bool) -> TextClause:
    """Build the statement for open photos near a product: photo_id and similarity, the best first.

    Of a small part the signs of every vector are compared with the probes'; else the graph is asked for each of them.

    Parameters: probes (text[]) the views that choose, views (text[]) those that similarity is counted with, decided
    (uuid[]) photos to leave out, per_probe, n, and those of the part.
    """
    halves = f"halfvec({part.dim})"
    chosen = f"{part.conditions()} AND e.photo_id <> ALL(CAST(:decided AS uuid[]))"
    # One row with a column for each probe: a subquery over the probes would begin anew for every photo.
    numbers = range(1, FILTERED_PROBES + 1)
    signs = [f"binary_quantize((CAST(:probes AS text[]))[{i}]::vector({part.dim})) AS s{i}" for i in numbers]
    distances = [f"e.signs::bit({part.dim}) <~> probe.s{i}" for i in numbers]
    every = f"""
        SELECT e.photo_id FROM photo_embeddings e CROSS JOIN (SELECT {", ".join(signs)} OFFSET 0) probe WHERE {chosen}
        ORDER BY least({", ".join(distances)}) LIMIT {OVER_FETCH} * :per_probe
    """
    by_graph = f"""
        SELECT DISTINCT found.photo_id FROM probe CROSS JOIN LATERAL (
            SELECT e.photo_id FROM photo_embeddings e WHERE {chosen}
            ORDER BY (e.embedding::{halves}) <#> probe.v::{halves} LIMIT :per_probe
        ) found
    """
    return text(f"""
        WITH probe AS MATERIALIZED (SELECT unnest(CAST(:probes AS text[]))::vector({part.dim}) AS v),
        view AS MATERIALIZED (SELECT unnest(CAST(:views AS text[]))::vector({part.dim}) AS v),
        near AS MATERIALIZED ({every if is_small else by_graph})
        SELECT e.photo_id, max(-(e.embedding <#> view.v)) AS similarity
        FROM near JOIN photo_embeddings e ON e.encoder_id = '{part.encoder_id}' AND e.photo_id = near.photo_id
        CROSS JOIN view GROUP BY e.photo_id ORDER BY similarity DESC LIMIT :n
    """)


@lru_cache(256)
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
