"""Every query about candidates."""

import datetime as dt
import math
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import TextClause, or_, select, text

from buybuddy.domain.matching.candidates.sql import N_PROBES, PoolPart, compare_products, estimate_part, near_photos
from buybuddy.domain.matching.rules import choose_probes
from buybuddy.domain.matching.tables import MatchDecision
from buybuddy.domain.photos.tables import Photo
from buybuddy.domain.products.tables import ProductBarcode
from buybuddy.domain.vectors.sql import SETTINGS, near_products
from buybuddy.domain.vectors.tables import Encoder, PhotoEmbedding
from buybuddy.domain.vectors.views import Views
from buybuddy.infra.db import Session
from buybuddy.infra.db.arrays import is_none_of, is_one_of

FloatArray = npt.NDArray[np.float32]

MOST_BY_BARCODE = 500
MOST_IN_A_GROUP = 200
PER_PROBE = 2.0  # photos that each probe is asked for, of one wanted: what all views like best, no probe may like best
# Of a small part, photos that are compared by whole vectors: signs say little of what is not alike, and the fewer fit,
# the less alike is the fiftieth of them.
LEAST_KEPT, KEPT_TIMES_FITTING = 1_500, 75_000_000
LEAST_SMALL = 1_000  # photos that fit a filter; so many are always compared one by one
WALK_COST = 10  # of passing a photo in the graph, in comparisons of signs
COUNT_POOL = text("SELECT reltuples::bigint FROM pg_class WHERE relname = :graph")
IMAGES_PER_PRODUCT = 8  # that the graph is asked for, so that products are as many as asked for


@dataclass(frozen=True)
class PhotoFilters:
    """Which photos may be candidates; None leaves a filter out."""

    source: str | None = None
    captured_since: dt.datetime | None = None


class SimilarPhoto(NamedTuple):
    photo_id: uuid.UUID
    similarity: float


class SimilarProduct(NamedTuple):
    product_id: uuid.UUID
    image_id: uuid.UUID
    similarity: float


async def decided_photos(session: Session, product_id: uuid.UUID, *, with_skipped: bool) -> list[uuid.UUID]:
    """Return the photos that no longer come up for a product; with_skipped, skipped ones come up once more."""
    statement = select(MatchDecision.photo_id).where(MatchDecision.product_id == product_id)
    if with_skipped:
        statement = statement.where(MatchDecision.decision != "skipped")
    return list(await session.scalars(statement))


async def similar_photos(
    session: Session,
    encoder: Encoder,
    views: Views,
    decided: Sequence[uuid.UUID],
    filters: PhotoFilters,
    n: int,
) -> list[SimilarPhoto]:
    """Return open photos that are most similar to any of the views, the best first."""
    part = PoolPart(encoder.id, encoder.dim, filters.source is not None, filters.captured_since is not None)
    asked: dict[str, object] = {}
    if filters.source is not None:
        asked["source"] = filters.source
    if filters.captured_since is not None:
        asked["captured_since"] = filters.captured_since
    await session.execute(SETTINGS)
    per_probe = math.ceil(PER_PROBE * n)
    probes = views.choose(choose_probes(views.vectors, N_PROBES))
    values = {
        "probe_images": list(probes.image_ids),
        "probe_photos": list(probes.photo_ids),
        "view_images": list(views.image_ids),
        "view_photos": list(views.photo_ids),
        "decided": list(decided),
        "per_probe": per_probe,
        "n": n,
        **asked,
    }
    if not asked:
        return await _find(session, near_photos(part, is_small=False), values)
    n_fitting, is_small = await _estimate(session, part, asked, N_PROBES * per_probe)
    found = [] if is_small else await _find(session, near_photos(part, is_small=False), values)
    if len(found) < n:  # also when fewer fit than was thought, and the walk ended before it had met enough of them
        kept = max(LEAST_KEPT, KEPT_TIMES_FITTING // n_fitting)
        found = await _find(session, near_photos(part, is_small=True), values | {"kept": kept})
    return found


async def _find(session: Session, statement: TextClause, values: dict[str, object]) -> list[SimilarPhoto]:
    rows = await session.execute(statement, values)
    return [SimilarPhoto(row.photo_id, float(row.similarity)) for row in rows]


async def _estimate(session: Session, part: PoolPart, asked: dict[str, object], n_met: int) -> tuple[int, bool]:
    """Return about how many fit, and whether comparing them all costs less than walking the graph until n_met are met.

    The walk passes n_met / (share of the pool that fits) photos.
    """
    n_pool = await session.scalar(COUNT_POOL, {"graph": f"photo_graph_{part.encoder_id.hex}"}) or 0
    [plan] = await session.scalar(estimate_part(part), asked) or [{}]
    n_fitting = max(1, int(plan["Plan"]["Plan Rows"]))
    return n_fitting, n_fitting <= max(LEAST_SMALL, math.isqrt(WALK_COST * n_met * max(int(n_pool), 0)))


async def photos_with_barcode(
    session: Session, barcodes: Sequence[str], decided: Sequence[uuid.UUID], filters: PhotoFilters
) -> list[uuid.UUID]:
    """Return open photos that are said to show one of the barcodes, or in which one was read."""
    if not barcodes:
        return []
    carries = or_(Photo.barcode.in_(barcodes), Photo.barcodes_seen.overlap(list(barcodes)))
    statement = select(Photo.id).where(carries, Photo.status == "unassigned", is_none_of(Photo.id, decided))
    if filters.source is not None:
        statement = statement.where(Photo.source == filters.source)
    if filters.captured_since is not None:
        statement = statement.where(Photo.captured_at >= filters.captured_since)
    return list(await session.scalars(statement.limit(MOST_BY_BARCODE)))


async def photo_vectors(
    session: Session, encoder_id: uuid.UUID, photo_ids: Iterable[uuid.UUID]
) -> dict[uuid.UUID, FloatArray]:
    """Return the vectors of those of the photos that have one."""
    statement = select(PhotoEmbedding.photo_id, PhotoEmbedding.embedding).where(
        PhotoEmbedding.encoder_id == encoder_id, is_one_of(PhotoEmbedding.photo_id, photo_ids)
    )
    return {row.photo_id: np.asarray(row.embedding, dtype=np.float32) for row in await session.execute(statement)}


async def groups_of(session: Session, photo_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """Return the group of near-duplicates of each photo that is still there."""
    rows = await session.execute(select(Photo.id, Photo.group_id).where(is_one_of(Photo.id, photo_ids)))
    return {row.id: row.group_id for row in rows}


async def photos_by_id(session: Session, photo_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Photo]:
    rows = await session.scalars(select(Photo).where(is_one_of(Photo.id, photo_ids)))
    return {photo.id: photo for photo in rows}


async def open_members(
    session: Session, group_ids: Iterable[uuid.UUID], decided: Sequence[uuid.UUID]
) -> dict[uuid.UUID, list[uuid.UUID]]:
    """Return the open photos of each group, but those decided about."""
    statement = (
        select(Photo.group_id, Photo.id)
        .where(is_one_of(Photo.group_id, group_ids), Photo.status == "unassigned", is_none_of(Photo.id, decided))
        .order_by(Photo.group_id, Photo.created_at, Photo.id)
    )
    members: dict[uuid.UUID, list[uuid.UUID]] = {}
    for row in await session.execute(statement):
        of_group = members.setdefault(row.group_id, [])
        if len(of_group) < MOST_IN_A_GROUP:
            of_group.append(row.id)
    return members


async def rejected_products(session: Session, photo_id: uuid.UUID) -> set[uuid.UUID]:
    """Return the products that somebody has said a photo does not show."""
    rejected = select(MatchDecision.product_id).where(
        MatchDecision.photo_id == photo_id, MatchDecision.decision == "rejected"
    )
    return set(await session.scalars(rejected))


async def products_with_barcode(session: Session, barcodes: Sequence[str]) -> set[uuid.UUID]:
    return set(await session.scalars(select(ProductBarcode.product_id).where(ProductBarcode.barcode.in_(barcodes))))


async def compare_with(
    session: Session, encoder: Encoder, vector: FloatArray, product_ids: Iterable[uuid.UUID]
) -> list[SimilarProduct]:
    """Return those products that have a vector, with the image that is most similar to a photo, the best first."""
    values = {"vector": as_texts(vector[None])[0], "product_ids": list(product_ids)}
    rows = await session.execute(compare_products(encoder.id, encoder.dim), values)
    return [SimilarProduct(row.product_id, row.image_id, float(row.similarity)) for row in rows]


async def similar_products(
    session: Session, encoder: Encoder, vector: FloatArray, without: Iterable[uuid.UUID], n: int
) -> list[SimilarProduct]:
    """Return products with the image that is most similar to a photo, the best first, but for some products."""
    await session.execute(SETTINGS)
    n_images = n * IMAGES_PER_PRODUCT
    values = {"vectors": as_texts(vector[None]), "without": list(without), "n_images": n_images, "n": n}
    rows = await session.execute(near_products(encoder.id, encoder.dim), values)
    return [SimilarProduct(row.product_id, row.image_id, float(row.similarity)) for row in rows]


def as_texts(vectors: FloatArray) -> list[str]:
    """Write vectors as pgvector reads them."""
    return ["[" + ",".join(f"{value:.7g}" for value in vector) + "]" for vector in vectors.tolist()]
