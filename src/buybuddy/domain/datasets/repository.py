"""Every query about datasets and the products in them."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, Uuid, delete, func, literal, select, text, true
from sqlalchemy.dialects.postgresql import insert

from buybuddy.domain.datasets.tables import Dataset, DatasetProduct, DatasetVersion
from buybuddy.domain.products.tables import Product, ProductImage
from buybuddy.infra.db import Session
from buybuddy.infra.db.arrays import is_one_of
from buybuddy.infra.db.outbox import AuditRow
from buybuddy.infra.db.pages import Count, Order, Slice, Window, read_page, slice_of, windowed
from buybuddy.infra.db.tallies import Tally

LONGEST_STATEMENT_S = 900  # others are stopped after a minute

ORDERS: dict[str, Order] = {
    name: Order(name, (column, Dataset.id), name.startswith("-"))
    for key, column in (
        ("created_at", Dataset.created_at),
        ("updated_at", Dataset.updated_at),
        ("name", Dataset.name_key),
    )
    for name in (key, f"-{key}")
}
MEMBER_ORDERS: dict[str, Order] = {
    name: Order(name, (DatasetProduct.added_at, DatasetProduct.product_id), name.startswith("-"))
    for name in ("added_at", "-added_at")
}

MEMBER_COLUMNS = (
    Product.id, Product.barcodes, Product.brand_name, Product.sub_brand, Product.product_name, Product.variant_flavor,
    Product.category, Product.container_type, Product.net_quantity, Product.status, Product.frame_count,
    Product.frame_count.label("synthetic_count"), Product.real_count, Product.augmented_count,
    Product.visibility_score, Product.version, Product.created_at, Product.updated_at, ProductImage.storage_key,
    ProductImage.thumbnail_key, DatasetProduct.added_at, DatasetProduct.product_id,
)  # fmt: skip


@dataclass(frozen=True)
class ImageCounts:
    """Images of a dataset's products by type; beyond the products looked at they are estimated."""

    synthetic: int = 0
    real: int = 0
    augmented: int = 0
    is_exact: bool = True


@dataclass(frozen=True)
class Added:
    """How many products a selection named, and how many of them are new to the dataset."""

    n_selected: int
    n_added: int


async def count_datasets(session: Session) -> tuple[int, int]:
    """Return how many datasets there are, and how many came in the last seven days; there are hundreds at most."""
    recent = func.count().filter(Dataset.created_at > func.clock_timestamp() - dt.timedelta(days=7))
    row = (await session.execute(select(func.count(), recent).select_from(Dataset))).one()
    return row[0], row[1]


async def list_datasets(session: Session, search: str | None, sort: str, window: Window) -> Slice[Dataset]:
    """Return one page; the search is a part of the name, letters folded. Raises: BadCursor."""
    statement = select(Dataset)
    if search and search.strip():
        part = func.replace(func.replace(func.fold_text(search.strip()), "\\", "\\\\"), "%", "\\%")
        pattern = func.concat("%", func.replace(part, "_", "\\_"), "%")
        statement = statement.where(Dataset.name_key.like(pattern))
    return await read_page(session, statement, ORDERS[sort], window)


async def find_dataset(session: Session, dataset_id: uuid.UUID) -> Dataset | None:
    return await session.get(Dataset, dataset_id)


async def find_by_name(session: Session, name: str) -> uuid.UUID | None:
    return await session.scalar(select(Dataset.id).where(Dataset.name_key == func.fold_text(name)))


async def add_dataset(session: Session, name: str, description: str) -> Dataset | None:
    """Add a dataset; None when one of this name is there."""
    statement = insert(Dataset).values(id=uuid.uuid4(), name=name, description=description)
    statement = statement.on_conflict_do_nothing(index_elements=["name_key"])
    return await session.scalar(statement.returning(Dataset))


async def lock_dataset(session: Session, dataset_id: uuid.UUID) -> Dataset | None:
    statement = select(Dataset).where(Dataset.id == dataset_id).with_for_update()
    return await session.scalar(statement.execution_options(populate_existing=True))


async def hold_dataset(session: Session, dataset_id: uuid.UUID) -> Dataset | None:
    """Return a dataset that cannot be deleted before this transaction ends; others may add to it all the same."""
    return await session.scalar(
        select(Dataset).where(Dataset.id == dataset_id).with_for_update(read=True, key_share=True)
    )


async def allow_long_statements(session: Session) -> None:
    """Let statements of this transaction take as long as a million products do on a busy machine."""
    await session.execute(text(f"SET LOCAL statement_timeout = {LONGEST_STATEMENT_S * 1000}"))


async def product_counts(session: Session, dataset_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Return how many products each dataset has, from the tallies."""
    keys = [str(dataset_id) for dataset_id in dataset_ids]
    statement = select(Tally.key, func.sum(Tally.n)).where(
        Tally.subject == "dataset_products", Tally.facet == "dataset", Tally.key.in_(keys)
    )
    counted = {uuid.UUID(key): int(n) for key, n in await session.execute(statement.group_by(Tally.key))}
    return {dataset_id: counted.get(dataset_id, 0) for dataset_id in dataset_ids}


async def image_counts(
    session: Session, n_products: dict[uuid.UUID, int], look_at: int
) -> dict[uuid.UUID, ImageCounts]:
    """Count the images of datasets, each by its first `look_at` products; their ids are random, so is this sample.

    Args:
        n_products: how many products each dataset has.
    """
    await session.execute(text("SET LOCAL enable_seqscan = off"))  # a sample is for the indexes, whatever is expected
    members = select(DatasetProduct.product_id).where(DatasetProduct.dataset_id == Dataset.id)
    sample = members.order_by(DatasetProduct.product_id).limit(look_at).lateral()
    sums = [
        func.coalesce(func.sum(column), 0)
        for column in (Product.frame_count, Product.real_count, Product.augmented_count)
    ]
    statement = (
        select(Dataset.id, func.count(), *sums)
        .select_from(Dataset)
        .join(sample, true())
        .join(Product, Product.id == sample.c.product_id)
    )
    found = {dataset_id: ImageCounts() for dataset_id in n_products}
    wanted = statement.where(Dataset.id.in_(list(n_products))).group_by(Dataset.id)
    for dataset_id, n_seen, *seen in await session.execute(wanted):
        scale = max(n_products[dataset_id], n_seen) / n_seen
        synthetic, real, augmented = (round(int(n) * scale) for n in seen)
        found[dataset_id] = ImageCounts(synthetic, real, augmented, is_exact=n_seen < look_at or scale == 1)
    return found


async def list_members(
    session: Session, dataset_id: uuid.UUID, sort: str, window: Window, count: Count
) -> Slice[Row[Any]]:
    """Return one page of rows with MEMBER_COLUMNS. Raises: BadCursor."""
    order = MEMBER_ORDERS[sort]
    statement = select(*MEMBER_COLUMNS).select_from(DatasetProduct)
    statement = statement.join(Product, Product.id == DatasetProduct.product_id)
    statement = statement.outerjoin(ProductImage, ProductImage.id == Product.primary_image_id)
    statement = statement.where(DatasetProduct.dataset_id == dataset_id)
    rows = (await session.execute(windowed(statement, order, window))).all()
    return slice_of(rows, order, window, count)


async def known_products(session: Session, product_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    return set(await session.scalars(chosen_by_ids(product_ids)))


async def add_products(session: Session, dataset_id: uuid.UUID, chosen: Select[uuid.UUID]) -> Added:
    """Put every product that a statement chooses into a dataset, in one statement.

    The products are held first, so that none can be deleted in between, and put in by the order of their ids, so that
    two who add the same ones wait for each other in one direction.
    """
    ids = chosen.order_by(Product.id).with_for_update(read=True, key_share=True, of=Product)
    selected = ids.cte("selected").prefix_with("MATERIALIZED")
    rows = select(literal(dataset_id, Uuid), selected.c.id)
    added = (
        insert(DatasetProduct)
        .from_select(["dataset_id", "product_id"], rows)
        .on_conflict_do_nothing()
        .returning(literal(1))
        .cte("added")
    )
    n_selected = select(func.count()).select_from(selected).scalar_subquery()
    n_added = select(func.count()).select_from(added).scalar_subquery()
    row = (await session.execute(select(n_selected, n_added))).one()
    return Added(row[0], row[1])


async def remove_products(session: Session, dataset_id: uuid.UUID, chosen: Select[uuid.UUID]) -> int:
    """Take every product that a statement chooses out of a dataset and return how many were in it."""
    statement = delete(DatasetProduct).where(
        DatasetProduct.dataset_id == dataset_id, DatasetProduct.product_id.in_(chosen)
    )
    removed = statement.returning(literal(1)).cte("removed")
    return await session.scalar(select(func.count()).select_from(removed)) or 0


def chosen_by_ids(product_ids: Sequence[uuid.UUID]) -> Select[uuid.UUID]:
    """Return the statement for named products."""
    return select(Product.id).where(is_one_of(Product.id, product_ids))


async def manifest_keys(session: Session, dataset_id: uuid.UUID) -> Sequence[str]:
    statement = select(DatasetVersion.manifest_key).where(DatasetVersion.dataset_id == dataset_id)
    return (await session.scalars(statement)).all()


async def find_last_editor(session: Session, dataset_id: uuid.UUID) -> str | None:
    """Return who last moved the dataset's version; adding, freezing and exporting do not."""
    edits = select(AuditRow.actor_name).where(AuditRow.subject_kind == "dataset", AuditRow.subject_id == dataset_id)
    edits = edits.where(AuditRow.action.in_(("dataset.create", "dataset.edit")))
    return await session.scalar(edits.order_by(AuditRow.at.desc()).limit(1))
