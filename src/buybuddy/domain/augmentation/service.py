"""Runs of augmentation: one job plans, and jobs of a few thousand pictures each do the parts.

A part that fails is listed and can be retried; the others go on. What a finished part has made stays, whatever becomes
of the run.
"""

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from buybuddy.domain.augmentation import repository
from buybuddy.domain.augmentation.tables import AugmentationRun, AugmentationShard
from buybuddy.domain.datasets import service as datasets
from buybuddy.domain.jobs import repository as jobs_repository
from buybuddy.domain.jobs import service as jobs_service
from buybuddy.domain.jobs.board import JobBoard
from buybuddy.domain.jobs.creation import NewJob, create_follow_up_jobs, create_jobs, find_earlier
from buybuddy.domain.jobs.idempotency import request_key
from buybuddy.domain.jobs.tables import Job
from buybuddy.errors import Conflict, NotFound
from buybuddy.infra.db import Actor, Session, Subject, emit, new_id, record_audit, throw_away
from buybuddy.infra.db.database import database_now
from buybuddy.infra.storage import object_key
from buybuddy.recipes import Recipe
from buybuddy.stages.specs import (
    AugmentDatasetResult,
    AugmentDatasetSpec,
    AugmentedImage,
    AugmentSource,
    PictureInput,
    PlanAugmentationSpec,
)

JOB_TYPE: Literal["augmentation"] = "augmentation"
ACTIVE_AT_ONCE = 8  # jobs of a run; how many of them run is the type's limit
BACKGROUNDS_AT_MOST, NEIGHBOURS_AT_MOST = 200, 48
RUNS_LOOKED_AT = 20


class NothingFrozen(Conflict):
    """The dataset has no frozen version to make pictures of."""

    code = "NOT_FROZEN"


class RunIsOpen(Conflict):
    """The dataset is being augmented already: two runs would each fill up to the targets."""

    code = "RUN_IS_OPEN"


@dataclass(frozen=True)
class Wish:
    """What is to be made.

    Args:
        version: number of a frozen version; the newest without one.
    """

    recipe_name: str
    recipe: Recipe
    version: int | None = None
    synthetic_target: int = 600
    real_target: int = 400
    seed: int = 42
    splits: tuple[str, ...] = ("train", "val", "test")


async def begin(
    session: Session, board: JobBoard, dataset_id: uuid.UUID, wish: Wish, actor: Actor, idempotency_key: str | None
) -> AugmentationRun:
    """Have every product of a frozen version filled up to the targets.

    Raises: NotFound, NothingFrozen, RunIsOpen, QueueFull, KeyReused.
    """
    asked = [
        str(dataset_id),
        wish.recipe.sha256(),
        str(wish.version),
        wish.synthetic_target,
        wish.real_target,
        wish.seed,
    ]
    key = request_key(idempotency_key, actor, "dataset.augment", [*asked, *wish.splits])
    await jobs_repository.lock_slots(session, JOB_TYPE)  # before any row: see jobs/service.py
    if earlier := await find_earlier(session, key):
        return await get_run(session, earlier[0].subject_id)
    dataset = await datasets.get_dataset(session, dataset_id)
    version = await repository.newest_version(session, dataset_id, wish.version)
    if version is None and wish.version is not None:
        raise NotFound("The dataset has no such version.")
    if version is None:
        raise NothingFrozen("This dataset has no frozen version; freeze it first.")
    if await repository.has_open_run(session, dataset_id):
        raise RunIsOpen("This dataset is being augmented already; wait for that run, or cancel it.")
    run = AugmentationRun(
        id=new_id(),
        dataset_id=dataset_id,
        dataset_version_id=version.id,
        dataset_label=f"{dataset.name}, version {version.number}",
        recipe_name=wish.recipe_name,
        recipe=wish.recipe.model_dump(mode="json"),
        recipe_sha256=wish.recipe.sha256(),
        seed=wish.seed,
        synthetic_target=wish.synthetic_target,
        real_target=wish.real_target,
        splits=list(wish.splits),
        surroundings=await _pick_surroundings(session, dataset_id),
        created_by=actor.id,
        created_by_name=actor.name,
    )
    session.add(run)
    await session.flush()
    job_id = new_id()
    spec = PlanAugmentationSpec(run_id=str(run.id), output_prefix=object_key("augmented-images", job_id) + "/")
    what: dict[str, object] = {"recipe": wish.recipe_name, "synthetic": wish.synthetic_target, "real": wish.real_target}
    record_audit(session, actor, "dataset.augment", Subject("dataset", dataset_id, dataset.name), after=what)
    tell(session, run.id, "created")
    await create_jobs(session, board, [NewJob(JOB_TYPE, subject_of(run), spec, job_id)], actor, key=key)
    await session.refresh(run)
    return run


async def _pick_surroundings(session: Session, dataset_id: uuid.UUID) -> dict[str, list[dict[str, str | None]]]:
    """Choose backgrounds and neighbours once for the whole run, so that its parts make what one would have made."""
    backgrounds = await repository.pick_backgrounds(session, BACKGROUNDS_AT_MOST)
    products = await repository.first_products(session, dataset_id, NEIGHBOURS_AT_MOST)
    neighbours = await repository.pick_neighbours(session, products)
    return {
        "backgrounds": [{"key": one.storage_key, "matte_key": None} for one in backgrounds],
        "others": [{"key": key, "matte_key": matte_key} for key, matte_key in neighbours],
    }


async def start_shards(session: Session, board: JobBoard, run_id: uuid.UUID) -> None:
    """Make jobs for the next shards of a planned run, as long as few of them are under way.

    The caller holds the slots of the type, alone.
    """
    run = await repository.lock_run(session, run_id)
    if run is None or not run.is_planned or run.cancelled_at is not None:
        return
    n_free = ACTIVE_AT_ONCE - await repository.count_active(session, run_id)
    if n_free <= 0:
        return
    shards = await repository.waiting_shards(session, run_id, n_free)
    new_jobs = [_job_of(run, shard) for shard in shards]
    await create_follow_up_jobs(session, board, new_jobs)


def _job_of(run: AugmentationRun, shard: AugmentationShard) -> NewJob:
    job_id = new_id()
    spec = AugmentDatasetSpec(
        run_id=str(run.id),
        shard=shard.number,
        sources=tuple(AugmentSource.model_validate(source) for source in shard.sources),
        recipe=Recipe.model_validate(run.recipe),
        seed=run.seed,
        backgrounds=tuple(PictureInput.model_validate(one) for one in run.surroundings.get("backgrounds", ())),
        others=tuple(PictureInput.model_validate(one) for one in run.surroundings.get("others", ())),
        output_prefix=object_key("augmented-images", job_id) + "/",
    )
    shard_id = uuid.uuid5(run.id, str(shard.number))
    subject = Subject("augmentation", shard_id, f"{run.dataset_label}, part {shard.number + 1}")
    return NewJob(JOB_TYPE, subject, spec, job_id, run.plan_job_id)


async def keep_result(session: Session, board: JobBoard, job: Job, result: AugmentDatasetResult) -> None:
    """Make what a shard has made images of its products, and start the next one.

    Pictures of sources that were removed meanwhile go, and so do those that another job has made already.
    """
    run_id = uuid.UUID(result.run_id)
    spec = AugmentDatasetSpec.model_validate(job.config)
    product_ids, image_ids = (
        {uuid.UUID(getattr(one, name)) for one in spec.sources} for name in ("product_id", "image_id")
    )
    there = await repository.existing_sources(session, product_ids, image_ids)
    shard = await repository.lock_shard(session, run_id, spec.shard)
    run = await repository.find_run(session, run_id)
    if shard is not None and shard.is_done:  # an old job of it was done once more
        throw_away(session, spec.output_prefix)
        return
    rows = [
        _image_row(image, product_id, job.id, run_id if run is not None else None, spec)
        for image in result.images
        if (product_id := there.get(uuid.UUID(image.source_image_id))) is not None
    ]
    kept = await repository.add_images(session, rows)
    mattes = [
        {"image_id": uuid.UUID(one.image_id), "storage_key": one.key, "segmenter": one.segmenter}
        for one in result.mattes
        if uuid.UUID(one.image_id) in there
    ]
    kept |= await repository.add_mattes(session, mattes)
    for key in [*(one.key for one in result.images), *(one.key for one in result.mattes)]:
        if key not in kept:
            throw_away(session, key)
    if run is None:
        for key in result.sheets.values():
            throw_away(session, key)
        return
    await _count(session, run, spec, rows, kept, result)
    if shard is not None:
        shard.is_done, shard.sources = True, []
    for product_id in sorted(set(there.values())):
        emit(session, "product", {"id": str(product_id), "change": "updated"})
    tell(session, run_id, "updated")
    await start_shards(session, board, run_id)


def _image_row(
    image: AugmentedImage, product_id: uuid.UUID, job_id: uuid.UUID, run_id: uuid.UUID | None, spec: AugmentDatasetSpec
) -> dict[str, object]:
    return {
        "id": new_id(),
        "product_id": product_id,
        "parent_image_id": uuid.UUID(image.source_image_id),
        "job_id": job_id,
        "image_type": "augmented",
        "source": "augmentation",
        "storage_key": image.key,
        "width_px": image.width_px,
        "height_px": image.height_px,
        "size_bytes": image.size_bytes,
        "sha256": image.sha256,
        "producer": f"{image.step} {spec.recipe.sha256()[:12]} seed {spec.seed}",
        "augmentation_run_id": run_id,
        "augmentation_step": image.step,
        "augmentation_number": image.number,
    }


async def _count(
    session: Session,
    run: AugmentationRun,
    spec: AugmentDatasetSpec,
    rows: Sequence[dict[str, object]],
    kept: set[str],
    result: AugmentDatasetResult,
) -> None:
    """Note for each product what was made, and why something was not."""
    made: dict[uuid.UUID, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for source in spec.sources:
        made[uuid.UUID(source.product_id)] = (0, 0)
    for row in rows:
        if row["storage_key"] in kept:
            product_id = uuid.UUID(str(row["product_id"]))
            is_real = row["augmentation_step"] == repository.PHOTO_STEP
            n_synthetic, n_real = made[product_id]
            made[product_id] = (n_synthetic + (not is_real), n_real + is_real)
    await repository.add_made(session, run.id, made, result.sheets)
    product_of = {source.image_id: uuid.UUID(source.product_id) for source in spec.sources}
    reasons: dict[uuid.UUID, list[str]] = defaultdict(list)
    for failure in result.failures:
        reasons[product_of[failure.image_id]].append(f"{failure.image_id}: {failure.reason}")
    for product_id, texts in sorted(reasons.items()):
        await repository.add_reasons(session, run.id, product_id, texts)


async def follow_job(session: Session, job: Job) -> None:
    """Keep a run in step with the jobs that plan it and do its parts, retries among them."""
    if job.config.get("stage") == "plan_augmentation":
        run_id = uuid.UUID(str(job.config["run_id"]))
        if job.status in ("pending", "queued"):
            await repository.attach_plan(session, run_id, job.id)
    elif job.config.get("stage") == "augment_dataset":
        run_id = uuid.UUID(str(job.config["run_id"]))
        if job.status in ("pending", "queued"):
            await repository.attach_shard(session, run_id, int(str(job.config["shard"])), job.id)
    else:
        return
    tell(session, run_id, "updated")


async def go_on(session: Session, board: JobBoard) -> None:
    """Start shards that wait although others have failed; called by the worker's sweep."""
    runs = await repository.runs_with_waiting_shards(session, RUNS_LOOKED_AT)
    if not runs:
        return
    await jobs_repository.lock_slots(session, JOB_TYPE)
    for run_id in sorted(runs):
        await start_shards(session, board, run_id)


async def cancel_run(session: Session, board: JobBoard, run_id: uuid.UUID, actor: Actor) -> AugmentationRun:
    """Stop a run: parts that are done stay, those that run stop within seconds, the others do not begin.

    Raises: NotFound, Conflict when it has ended.
    """
    await jobs_repository.lock_slots(session, JOB_TYPE)
    run = await repository.lock_run(session, run_id)
    if run is None:
        raise NotFound("There is no such run.")
    jobs = await repository.active_jobs(session, run)
    has_more = bool(await repository.waiting_shards(session, run_id, 1)) and run.cancelled_at is None
    if not jobs and not has_more:
        raise Conflict("The run has ended already.")
    run.cancelled_at = await database_now(session)
    for job_id in sorted(jobs):
        await jobs_service.request_cancel(session, board, job_id, actor)
    record_audit(session, actor, "augmentation.cancel", subject_of(run))
    tell(session, run_id, "updated")
    await session.flush()
    return run


async def get_run(session: Session, run_id: uuid.UUID | None) -> AugmentationRun:
    """Raises: NotFound."""
    run = await repository.find_run(session, run_id) if run_id is not None else None
    if run is None:
        raise NotFound("There is no such run.")
    return run


def subject_of(run: AugmentationRun) -> Subject:
    return Subject("augmentation", run.id, run.dataset_label)


def tell(session: Session, run_id: uuid.UUID, change: str) -> None:
    """Tell open pages of a change."""
    emit(session, "augmentation", {"id": str(run_id), "change": change})
