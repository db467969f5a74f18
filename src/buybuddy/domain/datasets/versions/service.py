"""Frozen versions of datasets: what a model was trained on, whatever becomes of the catalogue."""

import asyncio
import hashlib
import tempfile
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakKeyDictionary

from buybuddy.domain.datasets import service
from buybuddy.domain.datasets.rules import SplitPlan, check_ratios, cut_splits
from buybuddy.domain.datasets.tables import DatasetVersion
from buybuddy.domain.datasets.versions import repository as version_repository
from buybuddy.domain.datasets.versions.manifests import (
    ManifestImage,
    ManifestSummary,
    ManifestWriter,
    hash_file,
    read_manifest,
)
from buybuddy.errors import Conflict, NotFound, PayloadTooLarge, Unavailable
from buybuddy.infra.db import Actor, Database, Session, Subject, emit, keep, new_id, record_audit, throw_away
from buybuddy.infra.storage import ObjectStorage, object_key

FROZEN_AT_MOST = 2_000_000
FREEZING_PATIENCE_S = 6 * 3600.0
LISTED_AT_MOST = 100
VERIFIED_AT_ONCE = 64
WHOLE_IMAGE_BYTES = 256 * 1024 * 1024
WRITTEN_AT_ONCE = 3  # manifests, each on a connection of its own for as long as it takes; others need some, too
TURN_PATIENCE_S = 120.0


class NothingToFreeze(Conflict):
    """No product of the dataset has an image."""

    code = "DATASET_EMPTY"


class ManifestDamaged(Conflict):
    """What storage has for a version's manifest is not what was frozen."""

    code = "MANIFEST_DAMAGED"


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

    Raises: NothingToFreeze, PayloadTooLarge beyond FROZEN_AT_MOST images, Unavailable when too many are at it.
    """
    async with _turn_of(db), db.transaction() as session:
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


_turns: WeakKeyDictionary[Database, asyncio.Semaphore] = WeakKeyDictionary()


@asynccontextmanager
async def _turn_of(db: Database) -> AsyncIterator[None]:
    """Wait for one's turn to write a manifest. Raises: Unavailable."""
    turns = _turns.setdefault(db, asyncio.Semaphore(WRITTEN_AT_ONCE))
    try:
        async with asyncio.timeout(TURN_PATIENCE_S):
            await turns.acquire()
    except TimeoutError as error:
        raise Unavailable("Several datasets are being frozen or exported; try again in a moment.") from error
    try:
        yield
    finally:
        turns.release()


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

    Raises: NotFound, NothingToFreeze, PayloadTooLarge, ManifestDamaged, Unavailable.
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
            path = await asyncio.to_thread(fetch_manifest, storage, version, path)
            frozen = SplitPlan(version.train_ratio, version.val_ratio, version.test_ratio, version.seed)
            yield Manifest(path, name, frozen, version.n_images, number)


def fetch_manifest(storage: ObjectStorage, version: DatasetVersion, to: Path) -> Path:
    """Return a local file with a version's manifest, as it was frozen. Blocking. Raises: ManifestDamaged."""
    try:
        path = storage.download(version.manifest_key, to)
        is_intact = hash_file(path) == version.manifest_sha256
    except (NotFound, FileNotFoundError):
        is_intact = False
    if not is_intact:
        what = "is not in storage as it was frozen; put it back from a backup, or freeze the dataset anew."
        raise ManifestDamaged(f"The manifest of version {version.number} {what}")
    return path


async def verify(
    db: Database, storage: ObjectStorage, dataset_id: uuid.UUID, number: int, *, start: int, limit: int
) -> Verification:
    """Compare `limit` images of a version, from the start-th on, with what is in storage now.

    Without its manifest nothing is known of a version's images, and none is looked at.

    Raises: NotFound, Unavailable.
    """
    async with db.transaction() as session:
        version = await get_version(session, dataset_id, number)
    found, is_intact = _Comparison(storage), True
    try:
        async with open_manifest(db, storage, dataset_id, number, SplitPlan()) as manifest:
            batches = read_manifest(manifest.path, VERIFIED_AT_ONCE, start=start)
            # Step by step: a look at thousands must not keep a thread from everybody else.
            while found.n_checked < limit and (images := await asyncio.to_thread(next, batches, None)) is not None:
                await asyncio.to_thread(found.add, images[: limit - found.n_checked])
    except ManifestDamaged:
        is_intact = False
    end = start + found.n_checked
    return Verification(
        is_manifest_intact=is_intact,
        n_images=version.n_images,
        n_checked=found.n_checked,
        next_start=end if found.n_checked and end < version.n_images else None,
        n_missing=len(found.missing),
        n_changed=len(found.changed),
        missing=found.missing[:LISTED_AT_MOST],
        changed=found.changed[:LISTED_AT_MOST],
    )


@dataclass
class _Comparison:
    """What was found of images so far."""

    storage: ObjectStorage
    n_checked: int = 0
    missing: list[uuid.UUID] = field(default_factory=list)
    changed: list[uuid.UUID] = field(default_factory=list)

    def add(self, images: list[ManifestImage]) -> None:
        """Look at some more. Blocking. Raises: Unavailable."""
        read = self.storage.read_many([image.storage_key for image in images], WHOLE_IMAGE_BYTES)
        for image, data in zip(images, read, strict=True):
            self.n_checked += 1
            if isinstance(data, NotFound):
                self.missing.append(uuid.UUID(image.image_id))
            elif isinstance(data, Unavailable):
                raise data
            elif isinstance(data, int) or hashlib.sha256(data).hexdigest() != image.sha256:
                self.changed.append(uuid.UUID(image.image_id))
