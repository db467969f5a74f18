"""HTTP of published indexes."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query

from buybuddy.domain.accounts.access import Engineer, Viewer
from buybuddy.domain.embeddings import activation, extraction, repository, service
from buybuddy.domain.embeddings.dependencies import ShelfDep
from buybuddy.domain.embeddings.schemas import ExtractIn, ExtractionOut, IndexIn, IndexOut, ServingOut
from buybuddy.domain.embeddings.tables import EmbeddingIndex
from buybuddy.domain.jobs import repository as jobs_repository
from buybuddy.domain.jobs.dependencies import BoardDep, IdempotencyKey
from buybuddy.domain.jobs.idempotency import KeyReused
from buybuddy.domain.jobs.rules import JobStatus
from buybuddy.domain.jobs.schemas import JobOut
from buybuddy.errors import Conflict, NotFound, QueueFull
from buybuddy.infra.db import Session
from buybuddy.infra.db.pages import BadCursor
from buybuddy.infra.http import Page, PlatformDep, SessionDep, WindowQuery, page_of, refusals
from buybuddy.infra.vectors import IndexDamaged

router = APIRouter(prefix="/embeddings", tags=["embeddings"])


@router.get("/indexes", operation_id="listIndexes", responses=refusals(BadCursor))
async def list_indexes(_: Viewer, session: SessionDep, window: WindowQuery) -> Page[IndexOut]:
    """List published indexes, newest first."""
    found = await repository.list_indexes(session, window)
    encoders = await repository.encoders_of(session, found.rows)
    jobs = await jobs_repository.latest_by_subject(session, [index.id for index in found.rows])
    items = [IndexOut.of(index, encoders[index.encoder_id], jobs.get(index.id)) for index in found.rows]
    return page_of(items, found, window)


@router.post(
    "/indexes",
    operation_id="buildIndex",
    status_code=202,
    responses=refusals(NotFound, service.NameTaken, service.NotFrozen, QueueFull, KeyReused),
)
async def build_index(
    body: IndexIn, principal: Engineer, session: SessionDep, board: BoardDep, idempotency_key: IdempotencyKey = None
) -> IndexOut:
    """Build an index of what the serving encoder has made of a frozen version; images without a vector are listed."""
    index = await service.begin(session, board, body.wish(), principal.actor, idempotency_key)
    return await _index_out(session, index)


@router.post(
    "/indexes/rollback",
    operation_id="rollBackIndex",
    responses=refusals(activation.NoWayBack, activation.OtherEncoder, Conflict, IndexDamaged),
)
async def roll_back_index(principal: Engineer, platform: PlatformDep, shelf: ShelfDep) -> ServingOut:
    """Have what answered searches before the serving index answer them again."""
    index = await activation.open_and_roll_back(platform.db, shelf, principal.actor)
    async with platform.db.transaction() as session:
        return ServingOut(index=await _index_out(session, index) if index is not None else None)


@router.get("/indexes/{index_id}", operation_id="getIndex", responses=refusals(NotFound))
async def get_index(index_id: uuid.UUID, _: Viewer, session: SessionDep) -> IndexOut:
    """Return one index."""
    return await _index_out(session, await service.get_index(session, index_id))


@router.delete(
    "/indexes/{index_id}",
    operation_id="deleteIndex",
    status_code=204,
    responses=refusals(NotFound, service.IndexInUse),
)
async def delete_index(index_id: uuid.UUID, principal: Engineer, session: SessionDep) -> None:
    """Remove an index that neither serves nor is being built, with its files."""
    await service.remove_index(session, index_id, principal.actor)


@router.post(
    "/indexes/{index_id}/activate",
    operation_id="activateIndex",
    responses=refusals(NotFound, activation.NotReady, activation.OtherEncoder, IndexDamaged),
)
async def activate_index(index_id: uuid.UUID, principal: Engineer, platform: PlatformDep, shelf: ShelfDep) -> IndexOut:
    """Have an index answer searches from now on; one whose files are damaged is refused, and the old one stays."""
    await activation.open_and_activate(platform.db, shelf, index_id, principal.actor)
    async with platform.db.transaction() as session:
        return await _index_out(session, await service.get_index(session, index_id))


@router.post(
    "/extract",
    operation_id="extractVectors",
    status_code=202,
    responses=refusals(NotFound, Conflict, QueueFull, KeyReused),
)
async def extract_vectors(
    body: ExtractIn, principal: Engineer, session: SessionDep, board: BoardDep, idempotency_key: IdempotencyKey = None
) -> ExtractionOut:
    """Embed the pictures of a dataset's products that have no vector yet; each job makes its successor."""
    jobs = await extraction.begin(session, board, body.dataset_id, principal.actor, idempotency_key)
    return ExtractionOut(jobs=[JobOut.from_row(job) for job in jobs])


@router.get("/jobs", operation_id="listEmbeddingJobs", responses=refusals(BadCursor))
async def list_embedding_jobs(
    _: Viewer, session: SessionDep, window: WindowQuery, status: Annotated[JobStatus | None, Query()] = None
) -> Page[JobOut]:
    """List the jobs that make vectors and indexes, newest first."""
    found = await jobs_repository.list_jobs(
        session, job_type=service.JOB_TYPE, status=status, parent_id=None, window=window
    )
    return page_of([JobOut.from_row(job) for job in found.rows], found, window)


async def _index_out(session: Session, index: EmbeddingIndex) -> IndexOut:
    job = (await jobs_repository.latest_by_subject(session, [index.id])).get(index.id)
    return IndexOut.of(index, await repository.get_encoder(session, index), job)
