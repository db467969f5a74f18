"""Imports into the catalogue: a file is taken in and previewed; what the preview shows is applied when asked for.

What each row would do is kept with the version of the product that it was compared with: nothing else is applied.
"""

import asyncio
import datetime as dt
import itertools
import os
import uuid
from collections.abc import Iterator
from pathlib import PurePath
from typing import BinaryIO

from buybuddy.domain.jobs import repository as jobs_repository
from buybuddy.domain.jobs.board import JobBoard
from buybuddy.domain.jobs.creation import NewJob, create_jobs, find_earlier
from buybuddy.domain.jobs.idempotency import request_key
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.products.bulk.rules import KEPT_FOR_DAYS
from buybuddy.domain.products.imports import repository
from buybuddy.domain.products.imports.files import Row, read_rows
from buybuddy.domain.products.imports.preview import Preview
from buybuddy.domain.products.imports.rules import Columns, ImportMode, ParsedRow, parse_row, read_header
from buybuddy.domain.products.imports.tables import ProductImport
from buybuddy.errors import Conflict, InvalidInput, NotFound, PayloadTooLarge, Unavailable
from buybuddy.infra.db import Actor, Database, Session, Subject, keep, new_id, record_audit, throw_away
from buybuddy.infra.storage import ObjectStorage, object_key
from buybuddy.stages.specs import ImportSpec

MOST_BYTES = 50_000_000
LONGEST_FILENAME = 200
UPLOAD_PATIENCE_S = 3600.0
CHUNK_ROWS = 1_000


async def add_import(
    db: Database, storage: ObjectStorage, file: BinaryIO, *, filename: str, mode: ImportMode, actor: Actor
) -> uuid.UUID:
    """Take a file in and compare each of its rows with the catalogue; returns the import's id.

    Raises: PayloadTooLarge, UnreadableMedia, InvalidInput for a file without rows or names, Unavailable.
    """
    size_bytes = file.seek(0, os.SEEK_END)
    if size_bytes > MOST_BYTES:
        raise PayloadTooLarge(f"The file has {size_bytes / 1e6:.0f} MB; at most {MOST_BYTES / 1e6:.0f} MB are taken.")
    import_id = new_id()
    prefix = object_key("exports", "imports", import_id) + "/"
    async with db.transaction() as session:
        throw_away(session, prefix, after_s=UPLOAD_PATIENCE_S)  # unless its row comes to be
    async with db.transaction() as session:
        rows = await asyncio.to_thread(read_rows, file)
        columns = await asyncio.to_thread(_read_columns, rows)
        found = ProductImport(
            id=import_id,
            filename=plain_filename(filename),
            storage_key=prefix + "source",
            size_bytes=size_bytes,
            mode=mode,
            recognised=columns.recognised,
            ignored=columns.ignored,
            created_by=actor.id,
            created_by_name=actor.name,
        )
        session.add(found)
        await session.flush()
        preview = Preview(import_id, mode, columns)
        while chunk := await asyncio.to_thread(_take, rows, columns):
            await preview.add(session, chunk)
        found.n_create, found.n_update = preview.counts["create"], preview.counts["update"]
        found.n_unchanged, found.n_error = preview.counts["unchanged"], preview.counts["error"]
        file.seek(0)
        await storage.put_stream(found.storage_key, file)
        if not await keep(session, prefix):
            raise Unavailable("Reading the file took too long; send it again.")
        record_audit(session, actor, "product.import_preview", Subject("import", import_id, found.filename))
    return import_id


def _read_columns(rows: Iterator[Row]) -> Columns:
    header = next(rows, None)
    if header is None:
        raise InvalidInput("The file is empty.")
    return read_header([cell.text for cell in header[1]])


def _take(rows: Iterator[Row], columns: Columns) -> list[ParsedRow]:
    return [parse_row(row_no, columns, cells) for row_no, cells in itertools.islice(rows, CHUNK_ROWS)]


def plain_filename(filename: str) -> str:
    """Return the last part of a name that somebody sent, without what cannot be shown; it is a label only."""
    name = PurePath(filename.replace("\\", "/")).name
    return "".join(letter for letter in name if letter.isprintable()).strip()[:LONGEST_FILENAME] or "file"


async def get_import(session: Session, import_id: uuid.UUID) -> tuple[ProductImport, Job | None]:
    """Return an import and the latest job that applies it. Raises: NotFound."""
    found = await repository.find_import(session, import_id)
    if found is None:
        raise NotFound("There is no such import, or no longer: they are kept for 30 days.")
    return found, (await jobs_repository.latest_by_subject(session, [import_id])).get(import_id)


async def apply_import(
    session: Session, board: JobBoard, import_id: uuid.UUID, actor: Actor, idempotency_key: str | None
) -> Job:
    """Have what was previewed done; after a failed or cancelled job, what is left of it.

    Raises: NotFound, Conflict when it runs, was done, or there is nothing to do, QueueFull, KeyReused.
    """
    await jobs_repository.lock_slots(session, "catalogue_change")  # before the import's row: see jobs/service.py
    key = request_key(idempotency_key, actor, "imports.apply", str(import_id))
    if earlier := await find_earlier(session, key):
        return earlier[0]
    found = await _lock_idle(session, import_id)
    _, latest = await get_import(session, import_id)
    if latest is not None and latest.status == "completed":
        raise Conflict("This import was applied already; import the file again for what has changed since.")
    if found.n_create + found.n_update == 0:
        raise Conflict("There is nothing to apply: no row creates or changes a product.")
    job_id = new_id()
    subject = Subject("import", import_id, found.filename)
    spec = ImportSpec(import_id=str(import_id), output_prefix=object_key("exports", job_id) + "/")
    record_audit(session, actor, "product.import", subject)
    new_job = NewJob("catalogue_change", subject, spec, job_id)
    return (await create_jobs(session, board, [new_job], actor, key=key))[0]


async def discard_import(session: Session, import_id: uuid.UUID, actor: Actor) -> None:
    """Forget an import and its file; what was applied stays. Raises: NotFound, Conflict while it is being applied."""
    await jobs_repository.lock_slots(session, "catalogue_change")
    found = await _lock_idle(session, import_id)
    record_audit(session, actor, "product.import_discard", Subject("import", import_id, found.filename))
    await _forget(session, found)


async def forget_old_imports(session: Session) -> None:
    """Forget one import that nobody needs any more; called again and again by the worker."""
    found = await repository.oldest_import(session, dt.timedelta(days=KEPT_FOR_DAYS))
    if found is not None and not await jobs_repository.has_unfinished(session, "catalogue_change", found.id):
        await _forget(session, found)


async def _lock_idle(session: Session, import_id: uuid.UUID) -> ProductImport:
    found = await repository.lock_import(session, import_id)
    if found is None:
        raise NotFound("There is no such import, or no longer: they are kept for 30 days.")
    if await jobs_repository.has_unfinished(session, "catalogue_change", import_id):
        raise Conflict("The import is being applied; cancel its job first.")
    return found


async def _forget(session: Session, found: ProductImport) -> None:
    throw_away(session, found.storage_key.rsplit("/", 1)[0] + "/")
    await session.delete(found)
