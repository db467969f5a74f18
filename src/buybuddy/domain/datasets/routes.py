"""HTTP of datasets."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query, Response

from buybuddy.domain.accounts.access import Engineer, Viewer
from buybuddy.domain.collaboration.locks.service import LockLost
from buybuddy.domain.collaboration.tabs import LockToken
from buybuddy.domain.datasets import repository, service
from buybuddy.domain.datasets.schemas import (
    AddedOut,
    DatasetCreate,
    DatasetDetailOut,
    DatasetEdit,
    DatasetOut,
    DatasetProductRow,
    DatasetSort,
    MemberSort,
    ProductChoice,
    RemovedOut,
)
from buybuddy.domain.datasets.tables import Dataset
from buybuddy.domain.products.service import StaleVersion
from buybuddy.errors import Conflict, NotFound, PreconditionRequired, ResourceLocked
from buybuddy.infra.db import Session
from buybuddy.infra.db.pages import BadCursor, Count, Window
from buybuddy.infra.http import (
    IfMatch,
    Page,
    Platform,
    PlatformDep,
    SessionDep,
    WindowQuery,
    edited_version,
    page_of,
    refusals,
    set_etag,
)

router = APIRouter(prefix="/datasets", tags=["datasets"])

MemberSortQuery = Annotated[MemberSort, Query()]


@router.get("", operation_id="listDatasets", responses=refusals(BadCursor))
async def list_datasets(
    _: Viewer,
    session: SessionDep,
    window: WindowQuery,
    search: Annotated[str | None, Query(max_length=200, description="A part of the name.")] = None,
    sort: Annotated[DatasetSort, Query()] = "-created_at",
) -> Page[DatasetOut]:
    """List datasets, with how many products and images each has."""
    found = await repository.list_datasets(session, search, sort, window)
    parts = await service.count_parts(session, found.rows)
    return page_of([DatasetOut.from_row(row, *parts[row.id]) for row in found.rows], found, window)


@router.post("", operation_id="createDataset", status_code=201, responses=refusals(service.NameTaken))
async def create_dataset(
    body: DatasetCreate, principal: Engineer, session: SessionDep, response: Response
) -> DatasetOut:
    """Make an empty dataset."""
    dataset = await service.create_dataset(session, body.name, body.description, principal.actor)
    set_etag(response, dataset.version)
    return await _dataset_out(session, dataset)


@router.get("/{dataset_id}", operation_id="getDataset", responses=refusals(NotFound, BadCursor))
async def get_dataset(
    dataset_id: uuid.UUID,
    _: Viewer,
    session: SessionDep,
    platform: PlatformDep,
    window: WindowQuery,
    response: Response,
    sort: MemberSortQuery = "-added_at",
) -> DatasetDetailOut:
    """Return a dataset with a page of its products; its ETag is its version."""
    dataset = await service.get_dataset(session, dataset_id)
    set_etag(response, dataset.version)
    out = await _dataset_out(session, dataset)
    products = await _members(session, platform, dataset_id, sort, window, out.product_count)
    return DatasetDetailOut.model_construct(**vars(out), products=products)


@router.get("/{dataset_id}/products", operation_id="listDatasetProducts", responses=refusals(NotFound, BadCursor))
async def list_dataset_products(
    dataset_id: uuid.UUID,
    _: Viewer,
    session: SessionDep,
    platform: PlatformDep,
    window: WindowQuery,
    sort: MemberSortQuery = "-added_at",
) -> Page[DatasetProductRow]:
    """List the products of a dataset."""
    await service.get_dataset(session, dataset_id)
    count = (await repository.product_counts(session, [dataset_id]))[dataset_id]
    return await _members(session, platform, dataset_id, sort, window, count)


@router.patch(
    "/{dataset_id}",
    operation_id="editDataset",
    responses=refusals(NotFound, Conflict, LockLost, PreconditionRequired, ResourceLocked),
)
async def edit_dataset(
    dataset_id: uuid.UUID,
    body: DatasetEdit,
    principal: Engineer,
    session: SessionDep,
    response: Response,
    if_match: IfMatch = None,
    lock_token: LockToken = None,
) -> DatasetOut:
    """Change name or description; 409, with the row as it is and who changed it, when it is not as it was read."""
    version = edited_version(body.version, if_match)
    try:
        dataset = await service.edit_dataset(session, dataset_id, body, version, principal.actor, lock_token)
    except StaleVersion as stale:
        current = await _dataset_out(session, await service.get_dataset(session, dataset_id))
        stale.fields["current"] = current.model_dump(mode="json")
        raise
    set_etag(response, dataset.version)
    return await _dataset_out(session, dataset)


@router.delete(
    "/{dataset_id}",
    operation_id="deleteDataset",
    status_code=204,
    responses=refusals(NotFound, LockLost, ResourceLocked),
)
async def delete_dataset(
    dataset_id: uuid.UUID, principal: Engineer, session: SessionDep, lock_token: LockToken = None
) -> None:
    """Remove a dataset and its frozen versions; its products stay in the catalogue."""
    await service.remove_dataset(session, dataset_id, principal.actor, lock_token)


@router.post(
    "/{dataset_id}/products", operation_id="addDatasetProducts", responses=refusals(NotFound, LockLost, ResourceLocked)
)
async def add_dataset_products(
    dataset_id: uuid.UUID,
    body: ProductChoice,
    principal: Engineer,
    session: SessionDep,
    lock_token: LockToken = None,
) -> AddedOut:
    """Put products into a dataset: named ones, or all that filters find."""
    return await service.add_products(session, dataset_id, body, principal.actor, lock_token)


@router.post(
    "/{dataset_id}/products/remove",
    operation_id="removeDatasetProducts",
    responses=refusals(NotFound, LockLost, ResourceLocked),
)
async def remove_dataset_products(
    dataset_id: uuid.UUID,
    body: ProductChoice,
    principal: Engineer,
    session: SessionDep,
    lock_token: LockToken = None,
) -> RemovedOut:
    """Take products out of a dataset: named ones, or all that filters find."""
    n = await service.remove_products(session, dataset_id, body, principal.actor, lock_token)
    return RemovedOut(removed=n)


@router.delete(
    "/{dataset_id}/products/{product_id}",
    operation_id="removeDatasetProduct",
    status_code=204,
    responses=refusals(NotFound, LockLost, ResourceLocked),
)
async def remove_dataset_product(
    dataset_id: uuid.UUID,
    product_id: uuid.UUID,
    principal: Engineer,
    session: SessionDep,
    lock_token: LockToken = None,
) -> None:
    """Take one product out of a dataset."""
    await service.remove_product(session, dataset_id, product_id, principal.actor, lock_token)


async def _dataset_out(session: Session, dataset: Dataset) -> DatasetOut:
    parts = await service.count_parts(session, [dataset], service.LOOKED_AT_IN_DETAIL)
    return DatasetOut.from_row(dataset, *parts[dataset.id])


async def _members(
    session: Session, platform: Platform, dataset_id: uuid.UUID, sort: MemberSort, window: Window, n: int
) -> Page[DatasetProductRow]:
    found = await repository.list_members(session, dataset_id, sort, window, Count(n))
    return page_of([DatasetProductRow.from_member(row, platform) for row in found.rows], found, window)
