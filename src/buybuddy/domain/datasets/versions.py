"""Frozen versions of datasets: what a model was trained on, whatever becomes of the catalogue."""

import asyncio
import hashlib
import tempfile
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from buybuddy.domain.datasets import service, version_repository
from buybuddy.domain.datasets.manifests import ManifestImage, ManifestSummary, ManifestWriter, hash_file, read_manifest
from buybuddy.domain.datasets.rules import SplitPlan, check_ratios, cut_splits
from buybuddy.domain.datasets.tables import DatasetVersion
from buybuddy.errors import Conflict, NotFound, PayloadTooLarge, Unavailable
from buybuddy.infra.db import Actor, Database, Session, Subject, emit, keep, new_id, record_audit, throw_away
from buybuddy.infra.storage import ObjectStorage, object_key

FROZEN_AT_MOST = 2_000_000
FREEZING_PATIENCE_S = 6 * 3600.0
LISTED_AT_MOST = 100
VERIFIED_AT_ONCE = 64
WHOLE_IMAGE_BYTES = 256 * 1024 * 1024


class NothingToFreeze(Conflict):
    """No product of the dataset has an image."""

    code = "DATASET_EMPTY"


@dataclass(frozen=True)
class Manifest:
    """A manifest on this machine's disk, for as long as its context is open; `number` is None for the present state."""

    path: Path
    dataset_name: str
    plan: SplitPlan
    n_images: int
    number: int | None = None


@dataclass(frozen=True)
class Verification:
    """What was found of a version's images in storage.

    Args:
        next_start: where the next look begins; None at the end.
        missing, changed: ids of images, the first LISTED_AT_MOST.
    """

    is_manifest_intact: bool
    n_images: int
    n_checked: int
    next_start: int | None
    n_missing: int
    n_changed: int
    missing: list[uuid.UUID]
    changed: list[uuid.UUID]


async def freeze(
    db: Database, storage: ObjectStorage, dataset_id: uuid.UUID, plan: SplitPlan, note: str, actor: Actor
) -> DatasetVersion:
    """Write down every image of a dataset as it is at one moment, split by product.

    Raises: InvalidInput for ratios that are none, NotFound, NothingToFreeze, PayloadTooLarge, Unavailable.
    """
    check_ratios(plan)
    version_id = new_id()
    key = object_key("exports", "datasets", dataset_id, version_id, suffix=".parquet")
    async with db.transaction() as session:
        await service.get_dataset(session, dataset_id)
        throw_away(session, key, after_s=FREEZING_PATIENCE_S)  # unless its row comes to be
    with tempfile.TemporaryDirectory(prefix="buybuddy-freeze-") as folder:
        path = Path(folder) / "manifest.parquet"
        summary = await write_manifest(db, dataset_id, plan, path)
        with path.open("rb") as file:
            await storage.put_stream(key, file)
    async with db.transaction() as session:
        number = await version_repository.take_number(session, dataset_id)
        if number is None:
            throw_away(session, key)
            raise NotFound("The dataset was deleted while it was frozen.")
        dataset = await service.get_dataset(session, dataset_id)
        version = _row(version_id, dataset_id, number, plan, key, summary)
        version.note, version.created_by, version.created_by_name = note, actor.id, actor.name
        session.add(version)
        if not await keep(session, key):
            raise Unavailable("Freezing took too long; try again.")
        what: dict[str, object] = {"version": number, "images": summary.n_images, "seed": plan.seed}
        record_audit(session, actor, "dataset.freeze", Subject("dataset", dataset_id, dataset.name), after=what)
        emit(session, "dataset", {"id": str(dataset_id), "change": "updated"})
        await session.flush()
        await session.refresh(version)
        return version


def _row(
    version_id: uuid.UUID, dataset_id: uuid.UUID, number: int, plan: SplitPlan, key: str, summary: ManifestSummary
) -> DatasetVersion:
    return DatasetVersion(
        id=version_id,
        dataset_id=dataset_id,
        number=number,
        seed=plan.seed,
        train_ratio=plan.train,
        val_ratio=plan.val,
        test_ratio=plan.test,
        manifest_key=key,
        manifest_sha256=summary.sha256,
        content_sha256=summary.content_sha256,
        size_bytes=summary.size_bytes,
        n_products=summary.n_products,
        n_images=summary.n_images,
        counts=summary.counts,
    )


async def write_manifest(db: Database, dataset_id: uuid.UUID, plan: SplitPlan, path: Path) -> ManifestSummary:
    """Write the manifest of a dataset's present state, read at one moment, a few thousand images at a time.

    Raises: NothingToFreeze, PayloadTooLarge beyond FROZEN_AT_MOST images.
    """
    async with db.transaction() as session:
        await version_repository.see_one_moment(session)
        n_images = await version_repository.count_images(session, dataset_id)
        if n_images > FROZEN_AT_MOST:
            raise PayloadTooLarge(f"The dataset has {n_images} images; at most {FROZEN_AT_MOST} are frozen at once.")
        ids: list[uuid.UUID] = []
        async for some in version_repository.pictured_products(session, dataset_id):
            ids.extend(some)
        if not ids:
            raise NothingToFreeze("No product of this dataset has an image yet.")
        cuts = await asyncio.to_thread(cut_splits, plan, ids)
        del ids
        with ManifestWriter(path, plan, cuts) as writer:
            async for rows in version_repository.images(session, dataset_id):
                await asyncio.to_thread(writer.add, rows)
            return await asyncio.to_thread(writer.end)


async def get_version(session: Session, dataset_id: uuid.UUID, number: int) -> DatasetVersion:
    """Raises: NotFound."""
    version = await version_repository.find_version(session, dataset_id, number)
    if version is None:
        raise NotFound("There is no such version of this dataset.")
    return version


async def remove_version(session: Session, dataset_id: uuid.UUID, number: int, actor: Actor) -> None:
    """Remove a version and its manifest; its number is not given out again. Raises: NotFound."""
    dataset = await service.get_dataset(session, dataset_id)
    version = await get_version(session, dataset_id, number)
    throw_away(session, version.manifest_key)
    subject = Subject("dataset", dataset_id, dataset.name)
    record_audit(session, actor, "dataset.delete_version", subject, before={"version": number})
    emit(session, "dataset", {"id": str(dataset_id), "change": "updated"})
    await session.delete(version)


@asynccontextmanager
async def open_manifest(
    db: Database, storage: ObjectStorage, dataset_id: uuid.UUID, number: int | None, plan: SplitPlan
) -> AsyncIterator[Manifest]:
    """Give the manifest of a version, or without a number of the present state, split by `plan`.

    Raises: NotFound, NothingToFreeze, PayloadTooLarge, Unavailable.
    """
    async with db.transaction() as session:
        name = (await service.get_dataset(session, dataset_id)).name
        version = await get_version(session, dataset_id, number) if number is not None else None
    with tempfile.TemporaryDirectory(prefix="buybuddy-manifest-") as folder:
        path = Path(folder) / "manifest.parquet"
        if version is None:
            summary = await write_manifest(db, dataset_id, plan, path)
            yield Manifest(path, name, plan, summary.n_images)
        else:
            path = await asyncio.to_thread(storage.download, version.manifest_key, path)
            frozen = SplitPlan(version.train_ratio, version.val_ratio, version.test_ratio, version.seed)
            yield Manifest(path, name, frozen, version.n_images, number)


async def verify(
    db: Database, storage: ObjectStorage, dataset_id: uuid.UUID, number: int, *, start: int, limit: int
) -> Verification:
    """Compare `limit` images of a version, from the start-th on, with what is in storage now.

    Raises: NotFound, Unavailable.
    """
    async with db.transaction() as session:
        version = await get_version(session, dataset_id, number)
    async with open_manifest(db, storage, dataset_id, number, SplitPlan()) as manifest:
        is_intact = await asyncio.to_thread(hash_file, manifest.path) == version.manifest_sha256
        missing, changed, n_checked = await asyncio.to_thread(_compare, storage, manifest.path, start, limit)
    end = start + n_checked
    return Verification(
        is_manifest_intact=is_intact,
        n_images=version.n_images,
        n_checked=n_checked,
        next_start=end if n_checked and end < version.n_images else None,
        n_missing=len(missing),
        n_changed=len(changed),
        missing=missing[:LISTED_AT_MOST],
        changed=changed[:LISTED_AT_MOST],
    )


def _compare(
    storage: ObjectStorage, path: Path, start: int, limit: int
) -> tuple[list[uuid.UUID], list[uuid.UUID], int]:
    missing: list[uuid.UUID] = []
    changed: list[uuid.UUID] = []
    n_checked = 0
    for images in read_manifest(path, VERIFIED_AT_ONCE, start=start):
        for image, data in read_images(storage, images[: limit - n_checked]):
            n_checked += 1
            if isinstance(data, NotFound):
                missing.append(uuid.UUID(image.image_id))
            elif isinstance(data, Unavailable):
                raise data
            elif hashlib.sha256(data).hexdigest() != image.sha256:
                changed.append(uuid.UUID(image.image_id))
        if n_checked >= limit:
            break
    return missing, changed, n_checked


def read_images(
    storage: ObjectStorage, images: list[ManifestImage]
) -> list[tuple[ManifestImage, bytes | NotFound | Unavailable]]:
    """Return images with their bytes, or why there are none. Blocking."""
    read = storage.read_many([image.storage_key for image in images], WHOLE_IMAGE_BYTES)
    found: list[tuple[ManifestImage, bytes | NotFound | Unavailable]] = []
    for image, data in zip(images, read, strict=True):
        too_large = Unavailable(f"{image.storage_key} is too large to be an image.")
        found.append((image, too_large if isinstance(data, int) else data))
    return found
