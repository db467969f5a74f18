"""Datasets: choosing products to train on."""

import uuid
from collections.abc import Sequence

from sqlalchemy import Select
from sqlalchemy.exc import IntegrityError

from buybuddy.domain.collaboration.locks.service import check_lock
from buybuddy.domain.datasets import repository
from buybuddy.domain.datasets.repository import ImageCounts
from buybuddy.domain.datasets.schemas import AddedOut, DatasetEdit, ProductChoice
from buybuddy.domain.datasets.tables import Dataset
from buybuddy.domain.products.lists import repository as search_repository
from buybuddy.domain.products.lists.filters import ProductFilters
from buybuddy.domain.products.service import StaleVersion
from buybuddy.errors import Conflict, NotFound
from buybuddy.infra.db import Actor, Session, Subject, emit, record_audit, throw_away

LOOKED_AT_IN_LISTS = 300
LOOKED_AT_IN_DETAIL = 10_000


class NameTaken(Conflict):
    """Another dataset has this name; `dataset_id` says which."""

    code = "NAME_TAKEN"


async def get_dataset(session: Session, dataset_id: uuid.UUID) -> Dataset:
    """Raises: NotFound."""
    return _found(await repository.find_dataset(session, dataset_id))


async def count_parts(
    session: Session, datasets: Sequence[Dataset], look_at: int = LOOKED_AT_IN_LISTS
) -> dict[uuid.UUID, tuple[int, ImageCounts]]:
    """Return how many products and images each dataset has."""
    if not datasets:
        return {}
    n_products = await repository.product_counts(session, [dataset.id for dataset in datasets])
    images = await repository.image_counts(session, n_products, look_at)
    return {dataset_id: (n, images[dataset_id]) for dataset_id, n in n_products.items()}


async def create_dataset(session: Session, name: str, description: str, actor: Actor) -> Dataset:
    """Raises: NameTaken."""
    dataset = await repository.add_dataset(session, name, description)
    if dataset is None:
        raise await _name_taken(session, name)
    record_audit(session, actor, "dataset.create", _subject(dataset), after={"name": name, "description": description})
    _tell(session, dataset.id, "created")
    return dataset


async def edit_dataset(
    session: Session,
    dataset_id: uuid.UUID,
    edit: DatasetEdit,
    version: int,
    actor: Actor,
    lock_token: int | None = None,
) -> Dataset:
    """Change a dataset that is still at the version that was read.

    Raises: ResourceLocked, LockLost, NotFound, StaleVersion, NameTaken.
    """
    await check_lock(session, "dataset", dataset_id, actor, lock_token)
    dataset = _found(await repository.lock_dataset(session, dataset_id))
    if dataset.version != version:
        raise StaleVersion(
            "Somebody else has changed this dataset since you opened it.",
            current_version=dataset.version,
            changed_by=await repository.find_last_editor(session, dataset.id),
            changed_at=dataset.updated_at.isoformat(),
        )
    wanted = edit.model_dump(exclude_unset=True, exclude_none=True, exclude={"version"})
    changes = {name: value for name, value in wanted.items() if value != getattr(dataset, name)}
    if not changes:
        return dataset
    taken = await repository.find_by_name(session, changes["name"]) if "name" in changes else None
    if taken not in (None, dataset.id):
        raise await _name_taken(session, changes["name"])
    before = {name: getattr(dataset, name) for name in changes}
    for name, value in changes.items():
        setattr(dataset, name, value)
    try:
        await session.flush()
    except IntegrityError:  # somebody has taken the name since it was looked for
        raise NameTaken("There is a dataset of this name already.") from None
    await session.refresh(dataset)
    record_audit(session, actor, "dataset.edit", _subject(dataset), before=before, after=changes)
    _tell(session, dataset.id, "updated")
    return dataset


async def remove_dataset(session: Session, dataset_id: uuid.UUID, actor: Actor, lock_token: int | None = None) -> None:
    """Remove a dataset with its versions and their manifests; the products stay.

    Raises: ResourceLocked, LockLost, NotFound.
    """
    await check_lock(session, "dataset", dataset_id, actor, lock_token)
    dataset = _found(await repository.lock_dataset(session, dataset_id))
    for key in await repository.manifest_keys(session, dataset_id):
        throw_away(session, key)
    record_audit(session, actor, "dataset.delete", _subject(dataset))
    _tell(session, dataset.id, "deleted")
    await repository.allow_long_statements(session)
    await session.delete(dataset)


async def add_products(
    session: Session, dataset_id: uuid.UUID, choice: ProductChoice, actor: Actor, lock_token: int | None = None
) -> AddedOut:
    """Put products into a dataset; those in it already stay.

    Raises: ResourceLocked, LockLost, NotFound for the dataset.
    """
    await check_lock(session, "dataset", dataset_id, actor, lock_token)
    dataset = _found(await repository.hold_dataset(session, dataset_id))
    named = set(choice.product_ids or ())
    missing = named - await repository.known_products(session, list(named)) if named else set()
    await repository.allow_long_statements(session)
    done = await repository.add_products(session, dataset_id, await _chosen(session, choice))
    if done.n_added:
        what: dict[str, object] = {"added": done.n_added}
        record_audit(session, actor, "dataset.add_products", _subject(dataset), after=what)
        _tell(session, dataset_id, "updated")
    return AddedOut(added=done.n_added, already_there=done.n_selected - done.n_added, missing=sorted(missing))


async def remove_products(
    session: Session, dataset_id: uuid.UUID, choice: ProductChoice, actor: Actor, lock_token: int | None = None
) -> int:
    """Take products out of a dataset and return how many were in it.

    Raises: ResourceLocked, LockLost, NotFound for the dataset.
    """
    await check_lock(session, "dataset", dataset_id, actor, lock_token)
    dataset = _found(await repository.hold_dataset(session, dataset_id))
    await repository.allow_long_statements(session)
    n = await repository.remove_products(session, dataset_id, await _chosen(session, choice))
    if n:
        record_audit(session, actor, "dataset.remove_products", _subject(dataset), after={"removed": n})
        _tell(session, dataset_id, "updated")
    return n


async def remove_product(
    session: Session, dataset_id: uuid.UUID, product_id: uuid.UUID, actor: Actor, lock_token: int | None = None
) -> None:
    """Raises: ResourceLocked, LockLost, NotFound when there is no such dataset, or the product is not in it."""
    if not await remove_products(session, dataset_id, ProductChoice(product_ids=[product_id]), actor, lock_token):
        raise NotFound("This product is not in the dataset.")


async def _chosen(session: Session, choice: ProductChoice) -> Select[uuid.UUID]:
    if choice.product_ids is not None:
        return repository.chosen_by_ids(choice.product_ids)
    return await search_repository.selection(session, choice.filters or ProductFilters())


async def _name_taken(session: Session, name: str) -> NameTaken:
    taken = await repository.find_by_name(session, name)
    return NameTaken("There is a dataset of this name already.", dataset_id=str(taken) if taken else None)


def _found(dataset: Dataset | None) -> Dataset:
    if dataset is None:
        raise NotFound("There is no such dataset.")
    return dataset


def _subject(dataset: Dataset) -> Subject:
    return Subject("dataset", dataset.id, dataset.name)


def _tell(session: Session, dataset_id: uuid.UUID, change: str) -> None:
    emit(session, "dataset", {"id": str(dataset_id), "change": change})
