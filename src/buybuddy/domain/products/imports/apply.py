"""Doing to the catalogue what an import's preview has shown: in batches, each row once, and nothing but what was shown.

A product that has been changed since the preview is left as it is and listed, as is a row whose barcode is somebody
else's by now.
"""

import uuid
from collections.abc import Sequence

from buybuddy.domain.jobs.batches import BatchProgress, Checkpoint
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.products.barcodes.repository import make_primary
from buybuddy.domain.products.bulk.rules import IMPORT_BATCH
from buybuddy.domain.products.bulk.writes import Wish, edit_many, record_many, tell_products
from buybuddy.domain.products.imports import repository
from buybuddy.domain.products.imports.tables import ProductImportRow
from buybuddy.errors import NotFound
from buybuddy.infra.db import Actor, Session, new_id
from buybuddy.stages.specs import ItemFailure

TAKEN = "The barcode {} belongs to another product by now."


async def apply_batch(session: Session, job: Job, checkpoint: Checkpoint) -> BatchProgress:
    """Apply the next rows of a job's import. Raises: NotFound when it was discarded."""
    found = await repository.find_import(session, job.subject_id) if job.subject_id else None
    if found is None:
        raise NotFound("The import was discarded.")
    rows = await repository.next_rows(session, found.id, int(checkpoint.cursor or 0), IMPORT_BATCH)
    actor = Actor(job.created_by, job.created_by_name or "somebody")
    reasons, made = await _apply(session, rows, actor) if rows else ({}, {})
    await _note(session, rows, reasons, made)
    failures = [
        ItemFailure(item=str(row.row_no), label=row.label, reason=reasons[row.row_no])
        for row in rows
        if row.row_no in reasons
    ]
    cursor = str(rows[-1].row_no) if len(rows) == IMPORT_BATCH else None
    after = checkpoint.after(cursor, len(rows) - len(failures), failures)
    n_all, n_seen = found.n_create + found.n_update, after.n_done + after.n_failed
    return BatchProgress(after, n_seen / max(n_all, n_seen, 1), f"{n_seen} of {n_all}")


async def _apply(
    session: Session, rows: Sequence[ProductImportRow], actor: Actor
) -> tuple[dict[int, str], dict[int, uuid.UUID]]:
    """Write rows; return why some of them were not, and the products that others have become, by their numbers."""
    owners = await repository.owners_of(session, [code for row in rows for code in row.barcodes])
    reasons = {row.row_no: TAKEN.format(code) for row in rows for code in row.barcodes if owners.get(code) is not None}
    free = [row for row in rows if row.row_no not in reasons]
    reasons |= await _update(session, [row for row in free if row.kind == "update"], actor)
    lost, made = await _create(session, [row for row in free if row.kind == "create"], actor)
    return reasons | lost, made


async def _update(session: Session, rows: Sequence[ProductImportRow], actor: Actor) -> dict[int, str]:
    by_product = {row.product_id: row for row in rows if row.product_id is not None}
    if not by_product:
        return {}
    wishes = {product_id: Wish(row.version, row.changes) for product_id, row in by_product.items()}
    written = await edit_many(session, wishes, actor)
    reasons = {by_product[product_id].row_no: reason for product_id, reason in written.failures.items()}
    added = {
        product_id: row.barcodes
        for product_id, row in by_product.items()
        if row.barcodes and product_id not in written.failures
    }
    if not added:
        return reasons
    bare = await repository.without_barcode(session, list(added))
    taken: set[str] = set()
    for first_is_primary in (True, False):
        part = {one: codes for one, codes in added.items() if (one in bare) is first_is_primary}
        if part:
            taken |= await repository.add_barcodes(session, part, first_is_primary=first_is_primary)
    for one in bare:  # whose first barcode somebody else took at this moment
        if added[one][0] in taken and (next_one := next((code for code in added[one] if code not in taken), None)):
            await make_primary(session, one, next_one)
    after = {one: {"barcodes_added": [code for code in codes if code not in taken]} for one, codes in added.items()}
    await record_many(session, actor, "product.add_barcodes", written.labels, after, {})
    tell_products(session, [one for one in added if one not in written.versions], "updated")
    lost = {row.row_no: code for row in rows for code in row.barcodes if code in taken}
    return reasons | {row_no: f"{TAKEN.format(code)} The other fields were written." for row_no, code in lost.items()}


async def _create(
    session: Session, rows: Sequence[ProductImportRow], actor: Actor
) -> tuple[dict[int, str], dict[int, uuid.UUID]]:
    if not rows:
        return {}, {}
    new = {new_id(): row for row in rows}
    barcodes = {product_id: row.barcodes for product_id, row in new.items()}
    await repository.add_products(session, {product_id: row.changes for product_id, row in new.items()}, barcodes)
    taken = await repository.add_barcodes(session, barcodes, first_is_primary=True)
    lost = {one: code for one, codes in barcodes.items() for code in codes if code in taken}
    if lost:
        await repository.remove_created(session, list(lost))
    made: dict[uuid.UUID, dict[str, object]] = {
        one: {**row.changes, "barcodes": row.barcodes} for one, row in new.items() if one not in lost
    }
    await record_many(session, actor, "product.create", {one: new[one].label for one in made}, made, {})
    tell_products(session, list(made), "created")
    reasons = {new[one].row_no: TAKEN.format(code) for one, code in lost.items()}
    return reasons, {new[one].row_no: one for one in made}


async def _note(
    session: Session, rows: Sequence[ProductImportRow], reasons: dict[int, str], made: dict[int, uuid.UUID]
) -> None:
    if not rows:
        return
    products = {row.row_no: made.get(row.row_no, row.product_id) for row in rows}
    noted: list[dict[str, object]] = [
        {
            "row_no": row.row_no,
            "outcome": "conflict" if row.row_no in reasons else "applied",
            "reason": reasons.get(row.row_no),
            "product_id": str(products[row.row_no]) if products[row.row_no] else None,
        }
        for row in rows
    ]
    await repository.note_outcomes(session, rows[0].import_id, noted)
