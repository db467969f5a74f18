"""Every query about runs, and about what there is to make pictures of."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Row, and_, case, func, insert, select, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import aliased

from buybuddy.domain.augmentation.rules import ShardCounts
from buybuddy.domain.augmentation.tables import (
    AugmentationProduct,
    AugmentationRun,
    AugmentationShard,
    Background,
    ImageMatte,
)
from buybuddy.domain.datasets.tables import DatasetProduct, DatasetVersion
from buybuddy.domain.jobs.rules import ACTIVE
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.photos.tables import Photo
from buybuddy.domain.products.tables import Product, ProductImage
from buybuddy.infra.db import Session
from buybuddy.infra.db.pages import Order, Slice, Window, read_page

NEWEST_FIRST = Order("newest", (AugmentationRun.created_at, AugmentationRun.id), is_descending=True)
BY_PRODUCT = Order("product", (AugmentationProduct.product_id,))
PHOTO_STEP = "photo"


class Totals(NamedTuple):
    """Sums over a run's products."""

    n_products: int
    n_synthetic_before: int
    n_real_before: int
    n_synthetic_wanted: int
    n_real_wanted: int
    n_synthetic_made: int
    n_real_made: int
    n_short: int


async def find_run(session: Session, run_id: uuid.UUID) -> AugmentationRun | None:
    return await session.get(AugmentationRun, run_id)


async def lock_run(session: Session, run_id: uuid.UUID) -> AugmentationRun | None:
    """Return a run, its row locked until the transaction ends: parts are started by one at a time."""
    statement = select(AugmentationRun).where(AugmentationRun.id == run_id).with_for_update()
    return await session.scalar(statement.execution_options(populate_existing=True))


async def list_runs(session: Session, dataset_id: uuid.UUID | None, window: Window) -> Slice[AugmentationRun]:
    """Return one page, newest first. Raises: BadCursor."""
    statement = select(AugmentationRun)
    if dataset_id is not None:
        statement = statement.where(AugmentationRun.dataset_id == dataset_id)
    return await read_page(session, statement, NEWEST_FIRST, window)


async def list_products(
    session: Session, run_id: uuid.UUID, window: Window, *, is_short_only: bool
) -> Slice[AugmentationProduct]:
    """Return one page of what a run made of each product. Raises: BadCursor."""
    statement = select(AugmentationProduct).where(AugmentationProduct.run_id == run_id)
    if is_short_only:
        statement = statement.where(_is_short())
    return await read_page(session, statement, BY_PRODUCT, window)


def _is_short() -> ColumnElement[bool]:
    made = AugmentationProduct.n_synthetic_made + AugmentationProduct.n_real_made
    wanted = AugmentationProduct.n_synthetic_wanted + AugmentationProduct.n_real_wanted
    return (made < wanted) | (func.jsonb_array_length(AugmentationProduct.reasons) > 0)


async def sum_products(session: Session, run_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Totals]:
    """Return the sums of each run."""
    names = [name for name in Totals._fields if name not in ("n_products", "n_short")]
    sums = [func.coalesce(func.sum(getattr(AugmentationProduct, name)), 0) for name in names]
    statement = (
        select(AugmentationProduct.run_id, func.count(), *sums, func.count().filter(_is_short()))
        .where(AugmentationProduct.run_id.in_(run_ids))
        .group_by(AugmentationProduct.run_id)
    )
    return {row[0]: Totals(*(int(value) for value in row[1:])) for row in await session.execute(statement)}


async def count_shards(session: Session, run_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, ShardCounts]:
    """Return how far each run's shards are; one whose job was cancelled counts as failed."""
    has_ended = Job.status.in_(("failed", "cancelled")) & ~AugmentationShard.is_done
    statement = (
        select(
            AugmentationShard.run_id,
            func.count(),
            func.count().filter(AugmentationShard.is_done),
            func.count().filter(has_ended),
        )
        .outerjoin(Job, Job.id == AugmentationShard.job_id)
        .where(AugmentationShard.run_id.in_(run_ids))
        .group_by(AugmentationShard.run_id)
    )
    return {row[0]: ShardCounts(row[1], row[2], row[3]) for row in await session.execute(statement)}


async def progress_of(session: Session, run_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, tuple[float, float | None]]:
    """Return the share of each run's pictures that is made, running shards' progress counted, and their slowest's rest.

    The second number is the seconds that the running shards still need, None while that is unknown.
    """
    part = case((AugmentationShard.is_done, 100.0), else_=func.coalesce(Job.progress, 0.0))
    statement = (
        select(
            AugmentationShard.run_id,
            func.sum(part * AugmentationShard.n_wanted) / func.greatest(func.sum(AugmentationShard.n_wanted), 1),
            func.max(Job.remaining_s).filter(Job.status == "processing"),
        )
        .outerjoin(Job, Job.id == AugmentationShard.job_id)
        .where(AugmentationShard.run_id.in_(run_ids))
        .group_by(AugmentationShard.run_id)
    )
    return {row[0]: (float(row[1] or 0) / 100, row[2]) for row in await session.execute(statement)}


async def plan_states(session: Session, runs: Sequence[AugmentationRun]) -> dict[uuid.UUID, str]:
    """Return the status of the newest job that plans each run."""
    ids = [run.plan_job_id for run in runs if run.plan_job_id is not None]
    found = {row.id: row.status for row in await session.execute(select(Job.id, Job.status).where(Job.id.in_(ids)))}
    return {run.id: found[run.plan_job_id] for run in runs if run.plan_job_id in found}


async def newest_version(session: Session, dataset_id: uuid.UUID, number: int | None) -> DatasetVersion | None:
    """Return one version of a dataset, the newest without a number."""
    statement = select(DatasetVersion).where(DatasetVersion.dataset_id == dataset_id)
    if number is not None:
        statement = statement.where(DatasetVersion.number == number)
    return await session.scalar(statement.order_by(DatasetVersion.number.desc()).limit(1))


async def version_of(session: Session, run: AugmentationRun) -> DatasetVersion | None:
    return await session.get(DatasetVersion, run.dataset_version_id) if run.dataset_version_id else None


async def has_open_run(session: Session, dataset_id: uuid.UUID) -> bool:
    """Say whether something is still made, or will be, for a run of a dataset; a cancelled one may not have stopped."""
    mine = AugmentationRun.dataset_id == dataset_id
    plans = select(AugmentationRun.id).join(Job, Job.id == AugmentationRun.plan_job_id).where(Job.status.in_(ACTIVE))
    parts = (
        select(AugmentationRun.id)
        .join(AugmentationShard, AugmentationShard.run_id == AugmentationRun.id)
        .outerjoin(Job, Job.id == AugmentationShard.job_id)
    )
    will_begin = (
        AugmentationShard.job_id.is_(None) & AugmentationRun.cancelled_at.is_(None) & AugmentationRun.is_planned
    )
    found = select(1).where(
        plans.where(mine).exists() | parts.where(mine, will_begin | Job.status.in_(ACTIVE)).exists()
    )
    return await session.scalar(found) is not None


async def pick_backgrounds(session: Session, at_most: int) -> Sequence[Background]:
    """Return the newest backgrounds of the library."""
    statement = select(Background).order_by(Background.created_at.desc(), Background.id.desc()).limit(at_most)
    return (await session.scalars(statement)).all()


async def first_products(session: Session, dataset_id: uuid.UUID, at_most: int) -> Sequence[uuid.UUID]:
    """Return products of a dataset, spread by their ids, which are random."""
    statement = select(DatasetProduct.product_id).where(DatasetProduct.dataset_id == dataset_id)
    return (await session.scalars(statement.order_by(DatasetProduct.product_id).limit(at_most))).all()


async def products_beside(session: Session, product_id: uuid.UUID, at_most: int) -> Sequence[uuid.UUID]:
    """Return some other products."""
    statement = select(Product.id).where(Product.id > product_id, Product.frame_count > 0).order_by(Product.id)
    return (await session.scalars(statement.limit(at_most))).all()


async def pick_neighbours(session: Session, product_ids: Sequence[uuid.UUID]) -> list[tuple[str, str | None]]:
    """Return picture and matte of one cut-out of each product that has one."""
    statement = (
        select(ProductImage.storage_key, func.coalesce(ProductImage.matte_key, ImageMatte.storage_key))
        .ext(distinct_on(ProductImage.product_id))
        .outerjoin(ImageMatte, ImageMatte.image_id == ProductImage.id)
        .where(
            ProductImage.product_id.in_(product_ids),
            ProductImage.image_type == "synthetic",
            func.coalesce(ProductImage.matte_key, ImageMatte.storage_key).is_not(None),
        )
        .order_by(ProductImage.product_id, ProductImage.frame_index, ProductImage.id)
    )
    return [(row[0], row[1]) for row in await session.execute(statement)]


async def sources_of(session: Session, image_ids: Sequence[uuid.UUID]) -> Sequence[Row[*tuple[object, ...]]]:
    """Return those of the images that are there, with their mattes and the next number of what is made of them."""
    child = aliased(ProductImage)
    next_number = (
        select(func.coalesce(func.max(child.augmentation_number) + 1, 0))
        .where(child.parent_image_id == ProductImage.id, child.augmentation_number.is_not(None))
        .scalar_subquery()
    )
    statement = (
        select(
            ProductImage.id,
            ProductImage.product_id,
            ProductImage.image_type,
            ProductImage.storage_key,
            ProductImage.sha256,
            ProductImage.frame_index,
            func.coalesce(ProductImage.matte_key, ImageMatte.storage_key).label("matte_key"),
            next_number.label("next_number"),
        )
        .outerjoin(ImageMatte, ImageMatte.image_id == ProductImage.id)
        .where(ProductImage.id.in_(image_ids), ProductImage.image_type != "augmented")
        .order_by(ProductImage.product_id, ProductImage.frame_index, ProductImage.id)
    )
    return (await session.execute(statement)).all()


async def count_there(session: Session, product_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, tuple[int, int]]:
    """Return how many synthetic and real pictures products have now, those that were made among them."""
    is_real = (ProductImage.image_type == "real") | and_(
        ProductImage.image_type == "augmented", ProductImage.augmentation_step == PHOTO_STEP
    )
    statement = (
        select(ProductImage.product_id, func.count().filter(~is_real), func.count().filter(is_real))
        .where(ProductImage.product_id.in_(product_ids))
        .group_by(ProductImage.product_id)
    )
    return {row[0]: (row[1], row[2]) for row in await session.execute(statement)}


async def group_mates(session: Session, image_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, set[uuid.UUID]]:
    """Return for images that are photos of the pool which other products have near-duplicates of them."""
    mine, mate = aliased(Photo), aliased(Photo)
    statement = (
        select(ProductImage.id, mate.product_id)
        .join(mine, mine.id == ProductImage.photo_id)
        .join(mate, mate.group_id == mine.group_id)
        .where(ProductImage.id.in_(image_ids), mate.product_id.is_not(None), mate.product_id != ProductImage.product_id)
    )
    mates: dict[uuid.UUID, set[uuid.UUID]] = defaultdict(set)
    for image_id, product_id in await session.execute(statement):
        if product_id is not None:
            mates[image_id].add(product_id)
    return mates


async def labels_of(session: Session, product_ids: Sequence[uuid.UUID]) -> Sequence[Product]:
    return (await session.scalars(select(Product).where(Product.id.in_(product_ids)))).all()


async def add_products(session: Session, rows: Sequence[dict[str, object]]) -> None:
    """Note what a run wants of products; noting it again changes nothing."""
    if rows:
        await session.execute(upsert(AugmentationProduct).values(list(rows)).on_conflict_do_nothing())


async def add_shards(session: Session, rows: Sequence[dict[str, object]]) -> None:
    if rows:
        await session.execute(insert(AugmentationShard), list(rows))


async def next_shard_number(session: Session, run_id: uuid.UUID) -> int:
    found = select(func.coalesce(func.max(AugmentationShard.number) + 1, 0)).where(AugmentationShard.run_id == run_id)
    return await session.scalar(found) or 0


async def waiting_shards(session: Session, run_id: uuid.UUID, at_most: int) -> Sequence[AugmentationShard]:
    """Return shards that no job was made for yet, in their order."""
    statement = select(AugmentationShard).where(AugmentationShard.run_id == run_id, AugmentationShard.job_id.is_(None))
    return (await session.scalars(statement.order_by(AugmentationShard.number).limit(at_most))).all()


async def count_active(session: Session, run_id: uuid.UUID) -> int:
    """Return how many of a run's shards have a job that waits or runs."""
    statement = select(func.count()).select_from(AugmentationShard).join(Job, Job.id == AugmentationShard.job_id)
    return await session.scalar(statement.where(AugmentationShard.run_id == run_id, Job.status.in_(ACTIVE))) or 0


async def active_jobs(session: Session, run: AugmentationRun) -> Sequence[uuid.UUID]:
    """Return the jobs of a run that wait or run, the one that plans among them."""
    mine = select(AugmentationShard.job_id).where(AugmentationShard.run_id == run.id)
    statement = select(Job.id).where(Job.status.in_(ACTIVE), Job.id.in_(mine) | (Job.id == run.plan_job_id))
    return (await session.scalars(statement)).all()


async def runs_with_waiting_shards(session: Session, at_most: int) -> Sequence[uuid.UUID]:
    statement = (
        select(AugmentationShard.run_id)
        .distinct()
        .join(AugmentationRun, AugmentationRun.id == AugmentationShard.run_id)
        .where(AugmentationShard.job_id.is_(None), AugmentationRun.is_planned, AugmentationRun.cancelled_at.is_(None))
        .limit(at_most)
    )
    return (await session.scalars(statement)).all()


async def lock_shard(session: Session, run_id: uuid.UUID, number: int) -> AugmentationShard | None:
    """Return a shard, its row locked until the transaction ends."""
    statement = select(AugmentationShard).where(AugmentationShard.run_id == run_id, AugmentationShard.number == number)
    return await session.scalar(statement.with_for_update().execution_options(populate_existing=True))


async def attach_shard(session: Session, run_id: uuid.UUID, number: int, job_id: uuid.UUID) -> None:
    """Have a shard belong to the job that does it now, as after a retry."""
    shard = update(AugmentationShard).where(AugmentationShard.run_id == run_id, AugmentationShard.number == number)
    await session.execute(shard.where(AugmentationShard.job_id.is_distinct_from(job_id)).values(job_id=job_id))


async def attach_plan(session: Session, run_id: uuid.UUID, job_id: uuid.UUID) -> None:
    """Have the planning of a run belong to the job that does it now, as after a retry."""
    run = update(AugmentationRun).where(AugmentationRun.id == run_id)
    await session.execute(run.where(AugmentationRun.plan_job_id.is_distinct_from(job_id)).values(plan_job_id=job_id))


async def add_made(
    session: Session, run_id: uuid.UUID, made: dict[uuid.UUID, tuple[int, int]], sheets: dict[str, str]
) -> None:
    """Add up what a shard has made of each product: synthetic and real pictures."""
    for product_id, (n_synthetic, n_real) in sorted(made.items()):
        values: dict[str, object] = {
            "n_synthetic_made": AugmentationProduct.n_synthetic_made + n_synthetic,
            "n_real_made": AugmentationProduct.n_real_made + n_real,
        }
        if str(product_id) in sheets:
            values["sheet_key"] = sheets[str(product_id)]
        await session.execute(
            update(AugmentationProduct)
            .where(AugmentationProduct.run_id == run_id, AugmentationProduct.product_id == product_id)
            .values(values)
        )


async def add_reasons(session: Session, run_id: uuid.UUID, product_id: uuid.UUID, reasons: Sequence[str]) -> None:
    row = await session.get(AugmentationProduct, (run_id, product_id))
    if row is not None:
        row.reasons = [*row.reasons, *reasons]


async def existing_sources(
    session: Session, product_ids: Collection[uuid.UUID], image_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, uuid.UUID]:
    """Return the products of images that are there; they stay until this transaction ends.

    Products are held first: who removes one goes from it to its images.
    """
    products = select(Product.id).where(Product.id.in_(product_ids)).order_by(Product.id)
    await session.execute(products.with_for_update(read=True, key_share=True))
    statement = select(ProductImage.id, ProductImage.product_id).where(ProductImage.id.in_(image_ids))
    rows = await session.execute(statement.order_by(ProductImage.id).with_for_update(read=True, key_share=True))
    return {row.id: row.product_id for row in rows}


async def add_images(session: Session, rows: Sequence[dict[str, object]]) -> set[str]:
    """Add made pictures and return the keys of those that were not there already."""
    if not rows:
        return set()
    statement = upsert(ProductImage).on_conflict_do_nothing().returning(ProductImage.storage_key)
    return set((await session.scalars(statement, list(rows))).all())


async def add_mattes(session: Session, rows: Sequence[dict[str, object]]) -> set[str]:
    """Add made mattes and return the keys of those that their images had none before."""
    if not rows:
        return set()
    statement = upsert(ImageMatte).on_conflict_do_nothing().returning(ImageMatte.storage_key)
    return set((await session.scalars(statement, list(rows))).all())
