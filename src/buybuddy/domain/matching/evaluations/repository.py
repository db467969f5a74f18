"""Every query about evaluations of matching."""

import datetime as dt
import json
import uuid
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import Row, TextClause, delete, func, select, text

from buybuddy.domain.matching.evaluations.tables import MatchEvaluation, MatchEvaluationRow
from buybuddy.domain.products.tables import Product
from buybuddy.domain.vectors.tables import Encoder
from buybuddy.infra.db import Session
from buybuddy.infra.db.pages import Count, Order, Slice, Window, read_page

FloatArray = npt.NDArray[np.float32]

BY_ROW = Order("row_no", (MatchEvaluationRow.row_no,))
VECTOR_HEAD_BYTES = 4  # of what vector_send answers: how many numbers there are, and nothing

_ADD_ROWS = text("""
    INSERT INTO match_evaluation_rows (evaluation_id, row_no, path, barcode, photo_id, product_id, reason)
    SELECT :evaluation, c.row_no, c.path, c.barcode, CASE WHEN p.n = 1 THEN p.ids[1] END, c.product_id,
        coalesce(c.reason,
            CASE WHEN p.n = 0 THEN 'No photo was imported under this path.'
                WHEN p.n > 1 THEN 'Several photos were imported under this path.' END)
    FROM jsonb_to_recordset(CAST(:rows AS jsonb))
        AS c (row_no int, path text, barcode text, product_id uuid, reason text)
    CROSS JOIN LATERAL (SELECT count(*) AS n, array_agg(r.id) AS ids FROM real_images r
        WHERE md5(r.name) = md5(c.path) AND r.name = c.path) p
""")
# The pictures that speak for a product: its frames and uploads. A photo of the pool that was approved for it is one of
# those that are asked about, and an augmented picture is made of others.
_PICTURES = """
    FROM product_images i JOIN image_embeddings e ON e.image_id = i.id AND e.encoder_id = :encoder
    WHERE i.source <> 'matching' AND i.image_type <> 'augmented'
"""
# Why rows take no part, in this order; the first reason counts.
_JUDGE = {
    "Two rows say that this photo shows different products.": """
        photo_id IN (SELECT photo_id FROM match_evaluation_rows WHERE evaluation_id = :evaluation AND reason IS NULL
            GROUP BY photo_id HAVING count(DISTINCT product_id) > 1)""",
    "An earlier row says the same.": """
        row_no IN (SELECT row_no FROM (
            SELECT row_no, row_number() OVER (PARTITION BY photo_id ORDER BY row_no) AS place
            FROM match_evaluation_rows WHERE evaluation_id = :evaluation AND reason IS NULL) s WHERE place > 1)""",
    "The photo has no vector of this encoder: it could not be read, or has not been yet.": """
        NOT EXISTS (SELECT FROM photo_embeddings e WHERE e.photo_id = t.photo_id AND e.encoder_id = :encoder)""",
    "Its product has no picture of its own with a vector of this encoder.": f"""
        NOT EXISTS (SELECT {_PICTURES} AND i.product_id = t.product_id)""",
    "It, or a near-duplicate of it, is one of its product's own pictures.": f"""
        EXISTS (SELECT {_PICTURES} AND i.product_id = t.product_id AND i.sha256 IN (
            SELECT near.sha256 FROM real_images mine JOIN real_images near ON near.group_id = mine.group_id
            WHERE mine.id = t.photo_id))""",
}  # fmt: skip
_NEXT_PHOTOS = text("""
    SELECT t.row_no, CAST(t.product_id AS text) AS product_id, CAST(r.group_id AS text) AS group_id,
        vector_send(e.embedding) AS vector
    FROM match_evaluation_rows t
        JOIN real_images r ON r.id = t.photo_id
        JOIN photo_embeddings e ON e.photo_id = t.photo_id AND e.encoder_id = :encoder
    WHERE t.evaluation_id = :evaluation AND t.reason IS NULL AND t.row_no > :after ORDER BY t.row_no LIMIT :n
""")
_NEXT_PRODUCTS = f"""
    SELECT p.id FROM products p WHERE p.id > :after {{category}}
        AND EXISTS (SELECT {_PICTURES} AND i.product_id = p.id)
    ORDER BY p.id LIMIT :n
"""
_PICTURES_OF = text(f"""
    SELECT CAST(i.product_id AS text) AS product_id, vector_send(e.embedding) AS vector {_PICTURES}
        AND i.product_id = ANY(:products) ORDER BY i.product_id, i.id
""")


class Vectors(NamedTuple):
    """Vectors with what they are of.

    Args:
        products: (n,) ids as texts.
        groups: (n,) ids as texts, equal for near-duplicates; of photos only.
        vectors: (n, dim) float32 unit rows.
        last: the number of the last photo's row; None when there are none.
    """

    products: npt.NDArray[np.str_]
    groups: npt.NDArray[np.str_] | None
    vectors: FloatArray
    last: int | None = None


async def find_encoder(session: Session, name: str | None) -> Encoder | None:
    """Return the newest encoder of a name; without one, the one that serves."""
    statement = select(Encoder).where(Encoder.is_serving if name is None else Encoder.name == name)
    return await session.scalar(statement.order_by(Encoder.created_at.desc(), Encoder.id).limit(1))


async def get_encoder(session: Session, evaluation: MatchEvaluation) -> Encoder:
    return await session.get_one(Encoder, evaluation.encoder_id)


async def categories_of(session: Session, product_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str | None]:
    statement = select(Product.id, Product.category).where(Product.id.in_(product_ids))
    return {row.id: row.category for row in await session.execute(statement)}


async def add_rows(session: Session, evaluation_id: uuid.UUID, rows: Sequence[dict[str, object]]) -> None:
    """Keep rows of a truth, with the photos that have their paths."""
    await session.execute(_ADD_ROWS, {"evaluation": evaluation_id, "rows": json.dumps(rows)})


async def judge_rows(session: Session, evaluation: MatchEvaluation) -> None:
    """Note why some of the rows take no part, and how many those are."""
    values = {"evaluation": evaluation.id, "encoder": evaluation.encoder_id}
    for reason, condition in _JUDGE.items():
        statement = (
            "UPDATE match_evaluation_rows t SET reason = :reason"
            f" WHERE t.evaluation_id = :evaluation AND t.reason IS NULL AND {condition}"
        )
        asked = {name: value for name, value in values.items() if f":{name}" in statement}
        await session.execute(text(statement), {**asked, "reason": reason})
    is_out = (MatchEvaluationRow.evaluation_id == evaluation.id, MatchEvaluationRow.reason.is_not(None))
    evaluation.n_left_out = await session.scalar(select(func.count()).where(*is_out)) or 0


async def find_evaluation(session: Session, evaluation_id: uuid.UUID) -> MatchEvaluation | None:
    return await session.get(MatchEvaluation, evaluation_id)


async def first_left_out(session: Session, evaluation_id: uuid.UUID) -> MatchEvaluationRow:
    """Return the first row that takes no part; there must be one."""
    statement = select(MatchEvaluationRow).where(
        MatchEvaluationRow.evaluation_id == evaluation_id, MatchEvaluationRow.reason.is_not(None)
    )
    return (await session.scalars(statement.order_by(MatchEvaluationRow.row_no).limit(1))).one()


async def list_left_out(session: Session, evaluation: MatchEvaluation, window: Window) -> Slice[MatchEvaluationRow]:
    """Return one page of the rows that take no part, in the truth's order."""
    statement = select(MatchEvaluationRow).where(
        MatchEvaluationRow.evaluation_id == evaluation.id, MatchEvaluationRow.reason.is_not(None)
    )
    return await read_page(session, statement, BY_ROW, window, count=Count(evaluation.n_left_out))


async def next_photos(session: Session, evaluation: MatchEvaluation, after: int, n: int) -> Vectors:
    """Return the photos of the rows after one that take part and are still there."""
    values = {"evaluation": evaluation.id, "encoder": evaluation.encoder_id, "after": after, "n": n}
    rows = (await session.execute(_NEXT_PHOTOS, values)).all()
    groups = np.array([row.group_id for row in rows], dtype=np.str_)
    return Vectors(_products(rows), groups, _vectors(rows), rows[-1].row_no if rows else None)


async def next_products(session: Session, evaluation: MatchEvaluation, after: uuid.UUID, n: int) -> list[uuid.UUID]:
    """Return the products after one that have a picture with a vector and are of the category."""
    values: dict[str, object] = {"encoder": evaluation.encoder_id, "after": after, "n": n}
    if evaluation.category is not None:
        values["category"] = evaluation.category
    return list(await session.scalars(_next_products(with_category=evaluation.category is not None), values))


async def pictures_of(session: Session, evaluation: MatchEvaluation, product_ids: Sequence[uuid.UUID]) -> Vectors:
    """Return the vectors of the pictures that speak for products, in the order of their ids."""
    values = {"encoder": evaluation.encoder_id, "products": list(product_ids)}
    rows = (await session.execute(_PICTURES_OF, values)).all()
    return Vectors(_products(rows), None, _vectors(rows))


async def forget_one(session: Session, older_than: dt.timedelta) -> None:
    """Forget the oldest evaluation if it is older than that."""
    oldest = (
        select(MatchEvaluation.id)
        .where(MatchEvaluation.created_at < func.clock_timestamp() - older_than)
        .order_by(MatchEvaluation.created_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    await session.execute(delete(MatchEvaluation).where(MatchEvaluation.id.in_(oldest.scalar_subquery())))


def _next_products(*, with_category: bool) -> TextClause:
    return text(_NEXT_PRODUCTS.format(category="AND p.category = :category" if with_category else ""))


def _products(rows: Sequence[Row[Any]]) -> npt.NDArray[np.str_]:
    return np.array([row.product_id for row in rows], dtype=np.str_)


def _vectors(rows: Sequence[Row[Any]]) -> FloatArray:
    """Read what vector_send answers: big-endian float32 after a head."""
    if not rows:
        return np.empty((0, 0), dtype=np.float32)
    sent = np.frombuffer(b"".join(row.vector for row in rows), dtype=np.uint8).reshape(len(rows), -1)
    return np.ascontiguousarray(sent[:, VECTOR_HEAD_BYTES:]).view(">f4").astype(np.float32)
