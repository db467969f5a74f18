"""Work on many products: chosen once, then done at once or, when they are many, by a job in batches.

What an operation works on is noted row by row when it is asked for (bulk_items). An edit that makes products leave or
enter its own filter therefore neither skips nor repeats any; batches walk the notes in the order of product ids.
"""

import datetime as dt
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from buybuddy.domain.jobs import repository as jobs_repository
from buybuddy.domain.jobs.batches import BatchProgress, Checkpoint
from buybuddy.domain.jobs.board import JobBoard
from buybuddy.domain.jobs.creation import NewJob, create_jobs
from buybuddy.domain.jobs.idempotency import RequestKey, request_key
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.products.bulk import repository
from buybuddy.domain.products.bulk.rules import DELETE_BATCH, DONE_AT_ONCE, EDIT_BATCH, KEPT_FOR_DAYS
from buybuddy.domain.products.bulk.schemas import Selection
from buybuddy.domain.products.bulk.tables import BulkItem, BulkOperation
from buybuddy.domain.products.bulk.writes import Wish, Written, edit_many, remove_many
from buybuddy.errors import Conflict, NotFound
from buybuddy.infra.db import Actor, Session, Subject, new_id, record_audit
from buybuddy.infra.db.pages import Slice, Window
from buybuddy.infra.storage import object_key
from buybuddy.stages.specs import BulkDeleteSpec, BulkEditSpec, ItemFailure


@dataclass(frozen=True)
class BulkOutcome:
    """What was done at once, or the job that does it."""

    operation: BulkOperation
    failures: list[ItemFailure]
    job: Job | None = None


async def delete_products(
    session: Session, board: JobBoard, selection: Selection, actor: Actor, key: str | None
) -> BulkOutcome:
    """Remove many products. Raises: Conflict when they are not as many as was confirmed, QueueFull, KeyReused."""
    wanted = request_key(key, actor, "bulk.delete", selection.model_dump(mode="json"))
    return await _begin(session, board, "delete", {}, selection, actor, wanted)


async def edit_products(
    session: Session,
    board: JobBoard,
    selection: Selection,
    changes: Mapping[str, object],
    actor: Actor,
    key: str | None,
) -> BulkOutcome:
    """Change many products in the same way.

    Raises: Conflict when they are not as many as was confirmed, QueueFull, KeyReused.
    """
    wanted = request_key(key, actor, "bulk.edit", [selection.model_dump(mode="json"), dict(changes)])
    return await _begin(session, board, "edit", dict(changes), selection, actor, wanted)


async def undo(session: Session, board: JobBoard, bulk_id: uuid.UUID, actor: Actor, key: str | None) -> BulkOutcome:
    """Give the products of an edit back what they had, but for those that have been changed since.

    Raises: NotFound, Conflict for what is no edit or still runs, QueueFull, KeyReused.
    """
    wanted = request_key(key, actor, "bulk.undo", str(bulk_id))
    if (earlier := await _earlier(session, wanted)) is not None:
        return earlier
    undone = await get_operation(session, bulk_id)
    if undone.action != "edit":
        raise Conflict("Removed products cannot be brought back.")
    if await jobs_repository.has_unfinished(session, "catalogue_change", bulk_id):
        raise Conflict("The edit still runs; cancel its job first.")
    operation = _add_operation(session, "edit", {}, actor, wanted, undo_of=bulk_id)
    await session.flush()
    operation.n_items = await repository.add_undo_items(session, operation.id, bulk_id)
    return await _carry_out(session, board, operation, actor, is_short=operation.n_items <= DONE_AT_ONCE)


async def _begin(
    session: Session,
    board: JobBoard,
    action: str,
    changes: dict[str, object],
    selection: Selection,
    actor: Actor,
    key: RequestKey | None,
) -> BulkOutcome:
    if (earlier := await _earlier(session, key)) is not None:
        return earlier
    operation = _add_operation(session, action, changes, actor, key)
    await session.flush()
    if selection.filters is not None:
        operation.n_items = await repository.add_items_by_filters(session, operation.id, selection.filters)
    else:
        operation.n_items = await repository.add_items(session, operation.id, selection.versions())
    if selection.confirm_count not in (None, operation.n_items):
        raise Conflict(
            f"These are {operation.n_items} products by now, not {selection.confirm_count}.",
            current_count=operation.n_items,
        )
    is_short = selection.filters is None and operation.n_items <= DONE_AT_ONCE
    return await _carry_out(session, board, operation, actor, is_short=is_short or operation.n_items == 0)


def _add_operation(
    session: Session,
    action: str,
    changes: dict[str, object],
    actor: Actor,
    key: RequestKey | None,
    undo_of: uuid.UUID | None = None,
) -> BulkOperation:
    operation = BulkOperation(
        id=new_id(),
        action=action,
        changes=changes,
        n_items=0,
        undo_of=undo_of,
        idempotency_key=key.stored if key else None,
        created_by=actor.id,
        created_by_name=actor.name,
    )
    session.add(operation)
    return operation


async def _earlier(session: Session, key: RequestKey | None) -> BulkOutcome | None:
    """Return what the same request was answered when it was sent before. Raises: KeyReused."""
    operation = await repository.lock_key(session, key.scope) if key is not None else None
    if key is None or operation is None:
        return None
    key.check_same(operation.idempotency_key)
    job = (await jobs_repository.latest_by_subject(session, [operation.id])).get(operation.id)
    found = await repository.list_failures(session, operation.id, Window(limit=DONE_AT_ONCE))
    failures = [
        ItemFailure(item=str(item.product_id), label=item.label or "", reason=item.failure or "") for item in found.rows
    ]
    return BulkOutcome(operation, [] if job else failures, job)


async def _carry_out(
    session: Session, board: JobBoard, operation: BulkOperation, actor: Actor, *, is_short: bool
) -> BulkOutcome:
    verb = "undo" if operation.undo_of else operation.action
    subject = Subject("bulk", operation.id, f"{operation.n_items} products")
    record_audit(session, actor, f"product.bulk_{verb}", subject, after=operation.changes or None)
    if is_short:
        items = await repository.next_items(session, operation.id, None, DONE_AT_ONCE)
        return BulkOutcome(operation, await _do(session, operation, list(items), actor))
    kind = BulkDeleteSpec if operation.action == "delete" else BulkEditSpec
    spec = kind(bulk_id=str(operation.id), output_prefix=object_key("exports", operation.id) + "/")
    new_job = NewJob("catalogue_change", subject, spec, operation.id)
    return BulkOutcome(operation, [], (await create_jobs(session, board, [new_job], actor))[0])


async def do_batch(session: Session, job: Job, checkpoint: Checkpoint) -> BatchProgress:
    """Work on the next products of a job's operation. Raises: NotFound when the operation was forgotten."""
    if job.subject_id is None:
        raise NotFound("The job does not say which operation it carries out.")
    operation = await get_operation(session, job.subject_id)
    size = DELETE_BATCH if operation.action == "delete" else EDIT_BATCH
    items = list(await repository.next_items(session, operation.id, checkpoint.cursor, size))
    failures = await _do(session, operation, items, Actor(job.created_by, job.created_by_name or "somebody"))
    cursor = str(items[-1].product_id) if len(items) == size else None
    after = checkpoint.after(cursor, len(items) - len(failures), failures)
    n_seen = after.n_done + after.n_failed
    return BatchProgress(after, n_seen / max(operation.n_items, n_seen, 1), f"{n_seen} of {operation.n_items}")


async def _do(session: Session, operation: BulkOperation, items: list[BulkItem], actor: Actor) -> list[ItemFailure]:
    """Do to some products what an operation asks for, and note what became of each."""
    changes = operation.changes
    wishes = {
        item.product_id: Wish(item.version, item.changes if item.changes is not None else changes) for item in items
    }
    write: Callable[[Session, Mapping[uuid.UUID, Wish], Actor], Awaitable[Written]]
    write = remove_many if operation.action == "delete" else edit_many
    written = await write(session, wishes, actor)
    noted = {*written.failures, *written.versions}
    rows: list[dict[str, object]] = [
        {
            "id": str(product_id),
            "before": written.before.get(product_id),
            "version_after": written.versions.get(product_id),
            "label": written.labels[product_id],
            "failure": written.failures.get(product_id),
        }
        for product_id in noted
    ]
    await repository.note_items(session, operation.id, rows)
    return [
        ItemFailure(item=str(product_id), label=written.labels[product_id], reason=reason)
        for product_id, reason in written.failures.items()
    ]


async def get_operation(session: Session, bulk_id: uuid.UUID) -> BulkOperation:
    """Raises: NotFound."""
    operation = await repository.find_operation(session, bulk_id)
    if operation is None:
        raise NotFound("There is no such operation, or no longer: they are kept for 30 days.")
    return operation


async def list_failures(session: Session, bulk_id: uuid.UUID, window: Window) -> Slice[BulkItem]:
    """Return one page of the products that an operation left as they were. Raises: NotFound."""
    await get_operation(session, bulk_id)
    return await repository.list_failures(session, bulk_id, window)


async def forget_old_operations(session: Session) -> None:
    """Forget one operation that is too old to be undone; called again and again by the worker."""
    await repository.forget_operations(session, dt.timedelta(days=KEPT_FOR_DAYS))
