"""Every query about decisions."""

import datetime as dt
import uuid
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from buybuddy.domain.matching.tables import MatchDecision, MatchingSettings, MatchSuggestion
from buybuddy.domain.photos.tables import Photo
from buybuddy.domain.products.tables import Product, ProductBarcode, ProductImage
from buybuddy.domain.vectors.tables import Encoder
from buybuddy.infra.db import Session, new_id


async def read_clock(session: Session) -> dt.datetime:
    """Return what time it is, by the database's clock."""
    now: dt.datetime = (await session.execute(select(func.clock_timestamp()))).scalar_one()
    return now


async def read_settings(session: Session) -> MatchingSettings:
    return (await session.scalars(select(MatchingSettings))).one()


async def lock_with_groups(session: Session, photo_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Photo]:
    """Lock photos and the open ones of their groups, in the order of their ids, and return them."""
    rows = await session.scalars(with_groups(photo_ids).execution_options(populate_existing=True))
    return {photo.id: photo for photo in rows}


def with_groups(photo_ids: Collection[uuid.UUID]) -> Select[Photo]:
    """Build the statement that locks photos and the open ones of their groups.

    The groups are an array that is read first: with a subquery in the OR each decision looks at every open photo.
    """
    groups = select(Photo.group_id).where(Photo.id.in_(photo_ids)).scalar_subquery()
    open_members = (Photo.group_id == func.any(func.array(groups))) & (Photo.status == "unassigned")
    return select(Photo).where(Photo.id.in_(photo_ids) | open_members).order_by(Photo.id).with_for_update()


async def lock_photos(session: Session, photo_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Photo]:
    """Lock photos in the order of their ids, and return them."""
    statement = select(Photo).where(Photo.id.in_(photo_ids)).order_by(Photo.id).with_for_update()
    rows = await session.scalars(statement.execution_options(populate_existing=True))
    return {photo.id: photo for photo in rows}


async def decisions_of_product(
    session: Session, product_id: uuid.UUID, photo_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, MatchDecision]:
    """Return what was decided about a product and each of the photos."""
    statement = select(MatchDecision).where(
        MatchDecision.product_id == product_id, MatchDecision.photo_id.in_(photo_ids)
    )
    return {row.photo_id: row for row in await session.scalars(statement)}


async def approvals_of(session: Session, photo_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, MatchDecision]:
    """Return the decision by which each photo was approved, whatever the product."""
    statement = select(MatchDecision).where(MatchDecision.photo_id.in_(photo_ids), MatchDecision.decision == "approved")
    return {row.photo_id: row for row in await session.scalars(statement)}


async def write_decisions(session: Session, rows: Sequence[dict[str, object]]) -> None:
    """Write decisions; the latest about a pair stands."""
    if not rows:
        return
    statement = insert(MatchDecision)
    kept = ("decision", "similarity", "margin", "tier", "origin", "encoder_id", "user_id", "user_name")
    latest: dict[str, Any] = {name: getattr(statement.excluded, name) for name in kept}
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["product_id", "photo_id"], set_={**latest, "decided_at": func.clock_timestamp()}
        ),
        rows,
    )


async def remove_decisions(session: Session, product_id: uuid.UUID, photo_ids: Collection[uuid.UUID]) -> None:
    """Forget what was decided, but for approvals, which go with their image."""
    gone = delete(MatchDecision).where(
        MatchDecision.product_id == product_id,
        MatchDecision.photo_id.in_(photo_ids),
        MatchDecision.decision != "approved",
    )
    await session.execute(gone.execution_options(synchronize_session=False))


async def assign(session: Session, product_id: uuid.UUID, photos: Sequence[Photo]) -> None:
    """Make locked open photos real images of a locked product."""
    rows = [
        {
            "id": new_id(),
            "product_id": product_id,
            "photo_id": photo.id,
            "image_type": "real",
            "source": "matching",
            "storage_key": photo.storage_key,
            "thumbnail_key": photo.thumbnail_key,
            "width_px": photo.width_px or 0,
            "height_px": photo.height_px or 0,
            "size_bytes": photo.size_bytes,
            "sha256": photo.sha256,
        }
        for photo in photos
    ]
    await session.execute(insert(ProductImage), rows)
    taken = update(Photo).where(Photo.id.in_([photo.id for photo in photos]))
    await session.execute(
        taken.values(status="assigned", product_id=product_id).execution_options(synchronize_session=False)
    )


async def take_back(session: Session, product_id: uuid.UUID, photo_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Remove the real images that photos are of a product; a trigger opens the photos and forgets the approvals.

    Returns: the photos that were taken back.
    """
    gone = delete(ProductImage).where(ProductImage.product_id == product_id, ProductImage.photo_id.in_(photo_ids))
    returning = gone.returning(ProductImage.id, ProductImage.photo_id).execution_options(synchronize_session=False)
    removed = (await session.execute(returning)).all()
    await session.execute(
        update(Product)
        .where(Product.id == product_id, Product.primary_image_id.in_([row.id for row in removed]))
        .values(primary_image_id=None)
        .execution_options(synchronize_session=False)
    )
    return {row.photo_id for row in removed}


async def count_real(session: Session, product_id: uuid.UUID) -> int:
    return await session.scalar(select(Product.real_count).where(Product.id == product_id)) or 0


async def suggested_similarities(
    session: Session, encoder: Encoder | None, photo_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, list[tuple[uuid.UUID, float]]]:
    """Return the products that an encoder found each photo similar to, the most similar first."""
    if encoder is None:
        return {}
    statement = (
        select(MatchSuggestion.photo_id, MatchSuggestion.product_id, MatchSuggestion.similarity)
        .where(MatchSuggestion.photo_id.in_(photo_ids), MatchSuggestion.encoder_id == encoder.id)
        .order_by(MatchSuggestion.similarity.desc())
    )
    suggested: dict[uuid.UUID, list[tuple[uuid.UUID, float]]] = {}
    for row in await session.execute(statement):
        suggested.setdefault(row.photo_id, []).append((row.product_id, row.similarity))
    return suggested


async def products_by_barcode(session: Session, barcodes: Collection[str]) -> dict[str, uuid.UUID]:
    statement = select(ProductBarcode.barcode, ProductBarcode.product_id).where(ProductBarcode.barcode.in_(barcodes))
    return {row.barcode: row.product_id for row in await session.execute(statement)}


async def list_history(session: Session, product_id: uuid.UUID, limit: int) -> list[tuple[MatchDecision, Photo]]:
    """Return the newest decisions about a product with their photos."""
    statement = (
        select(MatchDecision, Photo)
        .join(Photo, Photo.id == MatchDecision.photo_id)
        .where(MatchDecision.product_id == product_id)
        .order_by(MatchDecision.decided_at.desc(), MatchDecision.photo_id)
        .limit(limit)
    )
    return [(decision, photo) for decision, photo in await session.execute(statement)]
