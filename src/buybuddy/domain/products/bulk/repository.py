"""Every query about work on many products: a whole batch in each, never a product at a time."""

import datetime as dt
import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Uuid, cast, delete, func, insert, literal, select, text, union_all, update

from buybuddy.domain.jobs.rules import ACTIVE
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.products.bulk.rules import WRITABLE
from buybuddy.domain.products.bulk.tables import BulkItem, BulkOperation
from buybuddy.domain.products.lists import repository as search_repository
from buybuddy.domain.products.lists.filters import ProductFilters
from buybuddy.domain.products.tables import Product, ProductImage
from buybuddy.domain.videos.tables import Video
from buybuddy.infra.db import Session
from buybuddy.infra.db.pages import Order, Slice, Window, read_page
from buybuddy.infra.db.trash import TrashRow

BY_PRODUCT = Order("product_id", (BulkItem.product_id,))

_ASSIGNMENTS = ", ".join(
    f"{name} = CASE WHEN jsonb_exists(c.changes, '{name}') THEN c.changes->>'{name}' ELSE p.{name} END"
    for name in WRITABLE
)
# A field that a person has changed is theirs from then on; an undo gives back the list that was there before.
_WRITE_CHANGES = text(f"""
    UPDATE products p SET {_ASSIGNMENTS}, edited_fields = CASE WHEN jsonb_exists(c.changes, 'edited_fields')
        THEN ARRAY(SELECT jsonb_array_elements_text(c.changes->'edited_fields'))
        ELSE ARRAY(SELECT unnest(p.edited_fields) UNION SELECT jsonb_object_keys(c.changes)
                   EXCEPT SELECT CAST('status' AS text) ORDER BY 1) END
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS c (id uuid, changes jsonb)
    WHERE p.id = c.id RETURNING p.id, p.version
""")
_NOTE_ITEMS = text("""
    UPDATE bulk_items i SET before = c.before, version_after = c.version_after, label = c.label, failure = c.failure
    FROM jsonb_to_recordset(CAST(:rows AS jsonb))
        AS c (id uuid, before jsonb, version_after int, label text, failure text)
    WHERE i.bulk_id = :bulk_id AND i.product_id = c.id
""")
_ADD_ITEMS = text("""
    INSERT INTO bulk_items (bulk_id, product_id, version)
    SELECT :bulk_id, c.id, c.version FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS c (id uuid, version int)
""")


async def lock_products(session: Session, product_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Product]:
    """Return the products there are, locked in the order of their ids, so that no two batches wait in a circle."""
    statement = select(Product).where(Product.id.in_(product_ids)).order_by(Product.id).with_for_update()
    rows = await session.scalars(statement.execution_options(populate_existing=True))
    return {product.id: product for product in rows}


async def lock_videos_of(session: Session, product_ids: Sequence[uuid.UUID]) -> Sequence[Video]:
    statement = select(Video).where(Video.product_id.in_(product_ids)).order_by(Video.id).with_for_update()
    return (await session.scalars(statement.execution_options(populate_existing=True))).all()


async def videos_in_work(session: Session, video_ids: Sequence[uuid.UUID]) -> set[uuid.UUID | None]:
    """Return those of the videos that a job has, or is going to have."""
    statement = select(Job.subject_id).where(Job.subject_id.in_(video_ids), Job.status.in_(ACTIVE))
    return set(await session.scalars(statement.where(Job.type == "video_processing")))


async def write_changes(session: Session, changes: Mapping[uuid.UUID, Mapping[str, object]]) -> dict[uuid.UUID, int]:
    """Change locked products, each in its own way, and return their new versions."""
    rows = [{"id": str(product_id), "changes": dict(wanted)} for product_id, wanted in changes.items()]
    written = await session.execute(_WRITE_CHANGES, {"rows": json.dumps(rows)})
    return {row[0]: row[1] for row in written.all()}


async def throw_away_images(session: Session, product_ids: Sequence[uuid.UUID]) -> None:
    """Have every object of the products' images removed after this transaction, but for those that are photos'."""
    keys = union_all(
        *(
            select(key).where(
                ProductImage.product_id.in_(product_ids), ProductImage.photo_id.is_(None), key.is_not(None)
            )
            for key in (ProductImage.storage_key, ProductImage.matte_key, ProductImage.thumbnail_key)
        )
    )
    await session.execute(insert(TrashRow).from_select(["key_or_prefix"], keys))


async def remove_products(session: Session, product_ids: Sequence[uuid.UUID]) -> None:
    """Remove locked products; their locked videos can be processed anew."""
    as_new = {"product_id": None, "status": "pending", "poster_key": None, "completed_at": None}
    of_them = Video.product_id.in_(product_ids)
    await session.execute(update(Video).where(of_them).values(**as_new).execution_options(synchronize_session=False))
    gone = delete(Product).where(Product.id.in_(product_ids))
    await session.execute(gone.execution_options(synchronize_session=False))


async def lock_key(session: Session, scope: str) -> BulkOperation | None:
    """Return the operation that was asked for with this key; a second such request waits for the first."""
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 1))"), {"key": scope})
    return await session.scalar(select(BulkOperation).where(BulkOperation.idempotency_key.like(f"{scope}:%")))


async def find_operation(session: Session, bulk_id: uuid.UUID) -> BulkOperation | None:
    return await session.get(BulkOperation, bulk_id)


async def add_items(session: Session, bulk_id: uuid.UUID, versions: Mapping[uuid.UUID, int | None]) -> int:
    rows = [{"id": str(product_id), "version": version} for product_id, version in versions.items()]
    await session.execute(_ADD_ITEMS, {"bulk_id": bulk_id, "rows": json.dumps(rows)})
    return len(rows)


async def add_items_by_filters(session: Session, bulk_id: uuid.UUID, filters: ProductFilters) -> int:
    """Note every product that fits now, in one statement: what is chosen is what there is at this moment."""
    chosen = await search_repository.selection(session, filters)
    columns = chosen.with_only_columns(cast(literal(bulk_id), Uuid), Product.id, Product.version)
    await session.execute(insert(BulkItem).from_select(["bulk_id", "product_id", "version"], columns))
    return await _count_items(session, bulk_id)


async def add_undo_items(session: Session, bulk_id: uuid.UUID, undo_of: uuid.UUID) -> int:
    """Note what an operation has written, to be written back where it is still as the operation left it."""
    columns = select(cast(literal(bulk_id), Uuid), BulkItem.product_id, BulkItem.version_after, BulkItem.before)
    written = columns.where(BulkItem.bulk_id == undo_of, BulkItem.version_after.is_not(None))
    names = ["bulk_id", "product_id", "version", "changes"]
    await session.execute(insert(BulkItem).from_select(names, written))
    return await _count_items(session, bulk_id)


async def _count_items(session: Session, bulk_id: uuid.UUID) -> int:
    return await session.scalar(select(func.count()).where(BulkItem.bulk_id == bulk_id)) or 0


async def next_items(session: Session, bulk_id: uuid.UUID, cursor: str | None, limit: int) -> Sequence[BulkItem]:
    statement = select(BulkItem).where(BulkItem.bulk_id == bulk_id)
    if cursor is not None:
        statement = statement.where(BulkItem.product_id > uuid.UUID(cursor))
    return (await session.scalars(statement.order_by(BulkItem.product_id).limit(limit))).all()


async def note_items(session: Session, bulk_id: uuid.UUID, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        await session.execute(_NOTE_ITEMS, {"bulk_id": bulk_id, "rows": json.dumps(rows)})


async def list_failures(session: Session, bulk_id: uuid.UUID, window: Window) -> Slice[BulkItem]:
    """Return one page of the products that an operation left as they were."""
    statement = select(BulkItem).where(BulkItem.bulk_id == bulk_id, BulkItem.failure.is_not(None))
    return await read_page(session, statement, BY_PRODUCT, window)


async def forget_operations(session: Session, older_than: dt.timedelta) -> None:
    limit = func.clock_timestamp() - older_than
    old = select(BulkOperation.id).where(BulkOperation.created_at < limit).limit(1)
    await session.execute(delete(BulkOperation).where(BulkOperation.id.in_(old)))
