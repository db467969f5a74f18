"""HTTP of photos on their way into the pool."""

import uuid
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Form, Response, UploadFile
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from buybuddy.domain.accounts.access import Operator, Viewer
from buybuddy.domain.photos.imports import repository, service
from buybuddy.domain.photos.imports.dependencies import HaveReadDep
from buybuddy.domain.photos.imports.facts import ImportFacts, Moment, PhotoRow, SourceName, read_rows
from buybuddy.domain.photos.imports.schemas import PhotoImportIn, PhotoImportOut, PhotoProblemOut, PhotosTakenOut
from buybuddy.domain.photos.rules import plain_name
from buybuddy.domain.photos.tables import PhotoImport
from buybuddy.errors import Conflict, InvalidInput, NotFound, Unavailable
from buybuddy.infra.db import Actor, Session
from buybuddy.infra.db.pages import BadCursor
from buybuddy.infra.http import Page, PlatformDep, SessionDep, WindowQuery, page_of, refusals

router = APIRouter(prefix="/real-images", tags=["real-images"])

SENT_BEFORE: dict[int | str, dict[str, Any]] = {
    200: {"model": PhotoImportOut, "description": "The same import was sent before."}
}
LONGEST_LABEL = 200
ROWS_EXAMPLE = '[{"name": "basket-0412.jpg", "captured_at": "2026-05-04T09:30:00Z", "barcode": "8690504012345"}]'


@router.post("", operation_id="addPhotos", status_code=201, responses=refusals(InvalidInput, NotFound, Unavailable))
async def add_photos(
    files: list[UploadFile],
    principal: Operator,
    platform: PlatformDep,
    have_read: HaveReadDep,
    source: Annotated[
        SourceName | None, Form(description="Where they come from; that of the import, or upload.")
    ] = None,
    captured_at: Annotated[Moment | None, Form(description="When they were taken; UTC without a zone.")] = None,
    rows: Annotated[
        str | None,
        Form(
            description="JSON: what is known of single files, by the name that each is sent with.",
            examples=[ROWS_EXAMPLE],
        ),
    ] = None,
    import_id: Annotated[uuid.UUID | None, Form(description="The import they belong to; a new one without.")] = None,
) -> PhotosTakenOut:
    """Take in photos, or ZIP archives of photos; the same bytes are one photo, and what is no photo is listed."""
    known = _known(rows)
    async with platform.db.transaction() as session:
        target = await _target(session, files, import_id, source, principal.actor)
    facts = ImportFacts(source or target.source, captured_at, known)
    intake = service.PhotoIntake(platform.db, platform.storage, have_read, target, facts)
    outcomes = await intake.take([(file.filename or "photo", file.file) for file in files])
    return PhotosTakenOut.of(target.id, outcomes)


@router.post(
    "/imports", operation_id="beginPhotoImport", status_code=201, responses=SENT_BEFORE | refusals(Conflict)
)  # fmt: skip
async def begin_photo_import(
    body: PhotoImportIn, principal: Operator, session: SessionDep, response: Response
) -> PhotoImportOut:
    """Begin an import, to which files can be added in any number of requests."""
    begun, is_new = await service.begin_import(
        session, label=body.label, source=body.source, actor=principal.actor, import_id=body.id
    )
    response.status_code = 201 if is_new else 200
    return (await _with_states(session, [begun]))[0]


@router.get("/imports", operation_id="listPhotoImports", responses=refusals(BadCursor))
async def list_photo_imports(_: Viewer, session: SessionDep, window: WindowQuery) -> Page[PhotoImportOut]:
    """List imports of photos, newest first."""
    found = await repository.list_imports(session, window)
    return page_of(await _with_states(session, found.rows), found, window)


@router.get("/imports/{import_id}", operation_id="getPhotoImport", responses=refusals(NotFound))
async def get_photo_import(import_id: uuid.UUID, _: Viewer, session: SessionDep) -> PhotoImportOut:
    """Return what became of an import's files so far, and how many of its photos are still to be read."""
    return (await _with_states(session, [await service.get_import(session, import_id)]))[0]


@router.get(
    "/imports/{import_id}/problems", operation_id="listPhotoImportProblems", responses=refusals(NotFound, BadCursor)
)
async def list_photo_import_problems(
    import_id: uuid.UUID, _: Viewer, session: SessionDep, window: WindowQuery
) -> Page[PhotoProblemOut]:
    """List files of an import that are no photos, and photos that could not be read or be given their external id."""
    await service.get_import(session, import_id)
    found = await repository.list_problems(session, import_id, window)
    return page_of([PhotoProblemOut.from_row(row) for row in found.rows], found, window)


def _known(rows: str | None) -> dict[str, PhotoRow]:
    """Return what is known of files by their names. Raises: RequestValidationError, which names the field of a row."""
    try:
        return read_rows(rows)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        raise RequestValidationError([{**one, "loc": ("body", "rows", *one["loc"])} for one in found]) from error


async def _target(
    session: Session, files: list[UploadFile], import_id: uuid.UUID | None, source: str | None, actor: Actor
) -> PhotoImport:
    if import_id is not None:
        return await service.get_import(session, import_id)
    first = plain_name(files[0].filename or "photo")[: LONGEST_LABEL - 20]
    label = first if len(files) == 1 else f"{first} and {len(files) - 1} more"
    begun, _ = await service.begin_import(session, label=label, source=source or "upload", actor=actor)
    return begun


async def _with_states(session: Session, rows: Sequence[PhotoImport]) -> list[PhotoImportOut]:
    states = await repository.states_of(session, [row.id for row in rows])
    return [PhotoImportOut.from_row(row, states[row.id]) for row in rows]
