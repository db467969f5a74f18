"""The statements that find candidates by their vectors.

An encoder's graph (vectors/sql.py) holds its vectors of open photos; what a filter leaves out is left out while it is
walked, so that a page is full whatever was decided before. The vectors' halves in the graph choose; the order that
people see is counted anew from the whole vectors, over every view of the product.
"""

import uuid
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import TextClause, text

N_PROBES = 6  # views that choose; similarity is counted over all of them
SIGN_PROBES = 3  # of those, whose signs every vector of a small part is compared with
OVER_FETCH = 3  # of those, by the probes' whole vectors
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
def estimate_part(part: PoolPart) -> TextClause:
    """Build the statement for how many the planner expects: a plan whose root has them as `Plan Rows`.

    Counting takes longer than finding; an estimate that is wrong costs time, not results (repository.py).
    """
    return text(f"EXPLAIN (FORMAT JSON) SELECT 1 FROM photo_embeddings e WHERE {part.conditions()}")


@lru_cache(256)
def near_photos(part: PoolPart, *, is_small: bool) -> TextClause:
    """Build the statement for open photos near a product: photo_id and similarity, the best first.

    Of a small part the signs of every vector are compared with some probes', and the whole vectors of the best with
    all of them; else the graph is asked for each of them.

    Parameters: probe_images and probe_photos (uuid[]) whose vectors choose, view_images and view_photos (uuid[]) whose
    vectors similarity is counted with, decided (uuid[]) photos to leave out, per_probe, n, those of the part, and of a
    small one kept: how many by their signs.
    """
    chosen = f"{part.conditions()} AND e.photo_id <> ALL(CAST(:decided AS uuid[]))"
    near = _near_of_few(part, chosen) if is_small else _near_by_graph(part, chosen)
    return text(f"""
        WITH probe AS MATERIALIZED ({_vectors_of(part, "probe")}), view AS MATERIALIZED ({_vectors_of(part, "view")}),
        near AS MATERIALIZED ({near})
        SELECT e.photo_id, max(-(e.embedding <#> view.v)) AS similarity
        FROM near JOIN photo_embeddings e ON e.encoder_id = '{part.encoder_id}' AND e.photo_id = near.photo_id
        CROSS JOIN view GROUP BY e.photo_id ORDER BY similarity DESC LIMIT :n
    """)


def _vectors_of(part: PoolPart, name: str) -> str:
    """Return the query for the vectors v of named images and photos."""
    return f"""
        SELECT embedding AS v FROM image_embeddings
        WHERE encoder_id = '{part.encoder_id}' AND image_id = ANY(CAST(:{name}_images AS uuid[]))
        UNION ALL SELECT embedding FROM photo_embeddings
        WHERE encoder_id = '{part.encoder_id}' AND photo_id = ANY(CAST(:{name}_photos AS uuid[]))
    """


def _near_by_graph(part: PoolPart, chosen: str) -> str:
    halves = f"halfvec({part.dim})"
    return f"""
        SELECT DISTINCT found.photo_id FROM probe CROSS JOIN LATERAL (
            SELECT e.photo_id FROM photo_embeddings e WHERE {chosen}
            ORDER BY (e.embedding::{halves}) <#> probe.v::{halves} LIMIT :per_probe
        ) found
    """


def _near_of_few(part: PoolPart, chosen: str) -> str:
    # One row with a column for each probe: a subquery over the probes would begin anew for every photo.
    wholes = [f"(array_agg(v))[{i + 1}] AS v{i}" for i in range(N_PROBES)]
    signs = [f"binary_quantize(v{i}) AS s{i}" for i in range(SIGN_PROBES)]
    sign_distances = [f"e.signs::bit({part.dim}) <~> one.s{i}" for i in range(SIGN_PROBES)]
    distances = [f"e.embedding <#> one.v{i}" for i in range(N_PROBES)]
    one = f"(SELECT *, {', '.join(signs)} FROM (SELECT {', '.join(wholes)} FROM probe OFFSET 0) whole OFFSET 0) one"
    return f"""
        SELECT e.photo_id FROM (
            SELECT e.photo_id FROM photo_embeddings e CROSS JOIN {one} WHERE {chosen}
            ORDER BY least({", ".join(sign_distances)}) LIMIT :kept
        ) alike JOIN photo_embeddings e ON e.encoder_id = '{part.encoder_id}' AND e.photo_id = alike.photo_id
        CROSS JOIN {one} ORDER BY least({", ".join(distances)}) LIMIT {OVER_FETCH} * :per_probe
    """


@lru_cache(256)
def compare_products(encoder_id: uuid.UUID, dim: int) -> TextClause:
    """Build the statement for how near some products are to a photo, with the columns and the order of near_products.

    Parameters: vector (text), product_ids (uuid[]).
    """
    return text(f"""
        SELECT * FROM (
            SELECT DISTINCT ON (i.product_id) i.product_id, i.id AS image_id,
                -(e.embedding <#> CAST(:vector AS text)::vector({dim})) AS similarity
            FROM product_images i JOIN image_embeddings e ON e.image_id = i.id AND e.encoder_id = '{encoder_id}'
            WHERE i.product_id = ANY (CAST(:product_ids AS uuid[])) ORDER BY i.product_id, similarity DESC, i.id
        ) best ORDER BY similarity DESC, product_id
    """)
