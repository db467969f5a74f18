"""HTTP of imports into the catalogue."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Form, Query, Response, UploadFile

from buybuddy.domain.accounts.access import Operator
from buybuddy.domain.jobs.dependencies import BoardDep, IdempotencyKey
from buybuddy.domain.jobs.idempotency import KeyReused
from buybuddy.domain.jobs.schemas import JobOut
from buybuddy.domain.products.imports import repository as import_repository
from buybuddy.domain.products.imports import service as imports
from buybuddy.domain.products.imports.rules import TEMPLATE_COLUMNS, ImportMode, RowKind
from buybuddy.domain.products.imports.schemas import (
    ERRORS_SHOWN,
    ImportOut,
    ImportRowOut,
    ImportSamples,
    ImportStarted,
    Outcome,
)
from buybuddy.errors import Conflict, InvalidInput, NotFound, PayloadTooLarge, QueueFull, Unavailable, UnreadableMedia
from buybuddy.infra.db import Session
from buybuddy.infra.db.pages import BadCursor
from buybuddy.infra.http import Page, PlatformDep, SessionDep, WindowQuery, page_of, refusals

router = APIRouter(prefix="/products/imports", tags=["products"])

SAMPLES_SHOWN = 50
TEMPLATE = "\ufeff" + ",".join(TEMPLATE_COLUMNS) + "\r\n"
TEMPLATE_NAME = "attachment; filename=products-template.csv"


@router.post(
    "",
    operation_id="previewImport",
    status_code=201,
    responses=refusals(InvalidInput, UnreadableMedia, PayloadTooLarge, Unavailable),
)
async def preview_import(
    file: UploadFile,
    principal: Operator,
    platform: PlatformDep,
    mode: Annotated[ImportMode, Form(description="What the file may do.")] = "create_and_update",
) -> ImportOut:
    """Take in a CSV or XLSX file (50 MB, 200,000 rows) and answer what it would do; only `apply` changes anything."""
    import_id = await imports.add_import(
        platform.db,
        platform.storage,
        file.file,
        filename=file.filename or "file",
        mode=mode,
        actor=principal.actor,
    )
    async with platform.db.transaction() as session:
        return await _import_out(session, import_id)


@router.get(
    "/template.csv",
    operation_id="downloadImportTemplate",
    response_class=Response,
    responses={200: {"content": {"text/csv": {}}, "description": "A CSV file with a header and no rows."}},
)
async def download_template(_: Operator) -> Response:
    """Download an empty file with the columns that people fill in most."""
    headers = {"Content-Disposition": TEMPLATE_NAME}
    return Response(TEMPLATE, media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/{import_id}", operation_id="getImport", responses=refusals(NotFound))
async def get_import(import_id: uuid.UUID, _: Operator, session: SessionDep) -> ImportOut:
    """Return the preview again, and the job that applies it."""
    return await _import_out(session, import_id)


@router.get("/{import_id}/rows", operation_id="listImportRows", responses=refusals(NotFound, BadCursor))
async def list_import_rows(
    import_id: uuid.UUID,
    _: Operator,
    session: SessionDep,
    window: WindowQuery,
    kind: Annotated[RowKind | None, Query()] = None,
    outcome: Annotated[Outcome | None, Query(description="What became of it when it was applied.")] = None,
) -> Page[ImportRowOut]:
    """List a file's rows in its order."""
    found, _job = await imports.get_import(session, import_id)
    total = getattr(found, f"n_{kind}") if kind else None
    rows = await import_repository.list_rows(session, import_id, kind=kind, outcome=outcome, window=window, total=total)
    return page_of([ImportRowOut.from_row(row) for row in rows.rows], rows, window)


@router.post(
    "/{import_id}/apply",
    operation_id="applyImport",
    status_code=202,
    responses=refusals(NotFound, Conflict, QueueFull, KeyReused),
)
async def apply_import(
    import_id: uuid.UUID,
    principal: Operator,
    session: SessionDep,
    board: BoardDep,
    idempotency_key: IdempotencyKey = None,
) -> ImportStarted:
    """Have a job do what the preview shows; a product that has been changed since is left as it is and listed."""
    job = await imports.apply_import(session, board, import_id, principal.actor, idempotency_key)
    return ImportStarted(job=JobOut.from_row(job))


@router.delete("/{import_id}", operation_id="discardImport", status_code=204, responses=refusals(NotFound, Conflict))
async def discard_import(import_id: uuid.UUID, principal: Operator, session: SessionDep) -> None:
    """Forget an import and its file; what was applied stays."""
    await imports.discard_import(session, import_id, principal.actor)


async def _import_out(session: Session, import_id: uuid.UUID) -> ImportOut:
    found, job = await imports.get_import(session, import_id)

    async def sample(kind: RowKind) -> list[ImportRowOut]:
        rows = await import_repository.first_rows(session, import_id, kind, SAMPLES_SHOWN)
        return [ImportRowOut.from_row(row) for row in rows]

    samples = ImportSamples(
        create=await sample("create"), update=await sample("update"), unchanged=await sample("unchanged")
    )
    with_errors = await import_repository.first_rows(session, import_id, "error", ERRORS_SHOWN)
    total_errors = await import_repository.count_errors(session, import_id)
    return ImportOut.from_parts(found, samples, with_errors, total_errors, job)
