"""HTTP of work on many products at once."""

import uuid
from typing import Any

from fastapi import APIRouter, Response

from buybuddy.domain.accounts.access import Operator, Viewer
from buybuddy.domain.jobs.dependencies import BoardDep, IdempotencyKey
from buybuddy.domain.jobs.idempotency import KeyReused
from buybuddy.domain.jobs.schemas import JobOut
from buybuddy.domain.products.bulk import service as bulk
from buybuddy.domain.products.bulk.schemas import BulkAnswer, BulkDeleteIn, BulkEditIn, FailedProduct
from buybuddy.errors import Conflict, NotFound, QueueFull
from buybuddy.infra.http import Page, SessionDep, WindowQuery, page_of, refusals

router = APIRouter(prefix="/products", tags=["products"])

ACCEPTED: dict[int | str, dict[str, Any]] = {202: {"model": BulkAnswer, "description": "A job does it."}}


@router.post(
    "/bulk-delete",
    operation_id="bulkDeleteProducts",
    responses={**ACCEPTED, **refusals(Conflict, QueueFull, KeyReused)},
)
async def bulk_delete(
    body: BulkDeleteIn,
    principal: Operator,
    session: SessionDep,
    board: BoardDep,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> BulkAnswer:
    """Remove many products: up to 200 ids at once, more or by filters by a job; the failures of some stop no others."""
    outcome = await bulk.delete_products(session, board, body, principal.actor, idempotency_key)
    return _answer(outcome, response)


@router.post(
    "/bulk-edit", operation_id="bulkEditProducts", responses={**ACCEPTED, **refusals(Conflict, QueueFull, KeyReused)}
)
async def bulk_edit(
    body: BulkEditIn,
    principal: Operator,
    session: SessionDep,
    board: BoardDep,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> BulkAnswer:
    """Change many products in the same way: up to 200 ids at once, more or by filters by a job."""
    changes = body.changes.model_dump(exclude_unset=True)
    outcome = await bulk.edit_products(session, board, body, changes, principal.actor, idempotency_key)
    return _answer(outcome, response)


@router.post(
    "/bulk-edit/{bulk_id}/undo",
    operation_id="undoBulkEdit",
    responses={**ACCEPTED, **refusals(NotFound, Conflict, QueueFull, KeyReused)},
)
async def undo_bulk_edit(
    bulk_id: uuid.UUID,
    principal: Operator,
    session: SessionDep,
    board: BoardDep,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> BulkAnswer:
    """Give the products of an edit back what they had; those that were changed since are listed and stay."""
    return _answer(await bulk.undo(session, board, bulk_id, principal.actor, idempotency_key), response)


@router.get("/bulk/{bulk_id}/failures", operation_id="listBulkFailures", responses=refusals(NotFound))
async def list_bulk_failures(
    bulk_id: uuid.UUID, _: Viewer, session: SessionDep, window: WindowQuery
) -> Page[FailedProduct]:
    """List the products that were left as they are, with the reasons; `bulk_id` is a job's `subject.id`."""
    found = await bulk.list_failures(session, bulk_id, window)
    return page_of([FailedProduct.from_row(item) for item in found.rows], found, window)


def _answer(outcome: bulk.BulkOutcome, response: Response) -> BulkAnswer:
    """Build the answer; it is 202 when a job does the work."""
    operation, job = outcome.operation, outcome.job
    if job is not None:
        response.status_code = 202
    return BulkAnswer(
        bulk_id=operation.id,
        n_items=operation.n_items,
        done=0 if job else operation.n_items - len(outcome.failures),
        failed=[FailedProduct(product_id=uuid.UUID(f.item), label=f.label, reason=f.reason) for f in outcome.failures],
        job=JobOut.from_row(job) if job else None,
    )
