"""HTTP of runs of augmentation."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from buybuddy.domain.accounts.access import Engineer, Viewer
from buybuddy.domain.augmentation import reports, repository, service
from buybuddy.domain.augmentation.recipes.service import resolve
from buybuddy.domain.augmentation.schemas import AugmentIn, ReportFormat, RunOut, RunProductOut
from buybuddy.domain.augmentation.states import show_runs
from buybuddy.domain.jobs.dependencies import BoardDep, IdempotencyKey
from buybuddy.domain.jobs.idempotency import KeyReused
from buybuddy.errors import Conflict, NotFound, QueueFull
from buybuddy.infra.db.pages import BadCursor
from buybuddy.infra.http import Page, PlatformDep, SessionDep, WindowQuery, page_of, refusals
from buybuddy.infra.http.streaming import StreamedFile, TooManyStreams, stream_file

router = APIRouter(tags=["augmentation"])

REPORT_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The report, streamed.",
        "content": {"application/json": {"schema": {"type": "object"}}, "text/html": {"schema": {"type": "string"}}},
    }
}


@router.post(
    "/datasets/{dataset_id}/augment",
    operation_id="augmentDataset",
    status_code=202,
    responses=refusals(NotFound, service.NothingFrozen, service.RunIsOpen, QueueFull, KeyReused),
)
async def augment_dataset(
    dataset_id: uuid.UUID,
    body: AugmentIn,
    principal: Engineer,
    session: SessionDep,
    board: BoardDep,
    idempotency_key: IdempotencyKey = None,
) -> RunOut:
    """Fill every product of a frozen version up to the targets; what is there counts, so a second run makes nothing."""
    name, recipe = await resolve(session, body.recipe)
    wish = service.Wish(
        name,
        recipe,
        body.version,
        body.synthetic_target,
        body.real_target,
        body.seed,
        tuple(dict.fromkeys(body.splits)),
    )
    run = await service.begin(session, board, dataset_id, wish, principal.actor, idempotency_key)
    return (await show_runs(session, [run]))[0]


@router.get("/augmentation/runs", operation_id="listAugmentationRuns", responses=refusals(BadCursor))
async def list_runs(
    _: Viewer,
    session: SessionDep,
    window: WindowQuery,
    dataset_id: Annotated[uuid.UUID | None, Query(description="Only runs of this dataset.")] = None,
) -> Page[RunOut]:
    """List runs, newest first."""
    found = await repository.list_runs(session, dataset_id, window)
    return page_of(await show_runs(session, found.rows), found, window)


@router.get("/augmentation/runs/{run_id}", operation_id="getAugmentationRun", responses=refusals(NotFound))
async def get_run(run_id: uuid.UUID, _: Viewer, session: SessionDep) -> RunOut:
    """Return one run."""
    return (await show_runs(session, [await service.get_run(session, run_id)]))[0]


@router.post(
    "/augmentation/runs/{run_id}/cancel",
    operation_id="cancelAugmentationRun",
    responses=refusals(NotFound, Conflict),
)
async def cancel_run(run_id: uuid.UUID, principal: Engineer, session: SessionDep, board: BoardDep) -> RunOut:
    """Stop a run; what its finished parts have made stays."""
    return (await show_runs(session, [await service.cancel_run(session, board, run_id, principal.actor)]))[0]


@router.get(
    "/augmentation/runs/{run_id}/products",
    operation_id="listAugmentedProducts",
    responses=refusals(NotFound, BadCursor),
)
async def list_augmented_products(
    run_id: uuid.UUID,
    _: Viewer,
    session: SessionDep,
    platform: PlatformDep,
    window: WindowQuery,
    is_short_only: Annotated[bool, Query(alias="short", description="Only those with something missing.")] = False,
) -> Page[RunProductOut]:
    """List what a run found, wanted and made of each product."""
    await service.get_run(session, run_id)
    found = await repository.list_products(session, run_id, window, is_short_only=is_short_only)
    return page_of([RunProductOut.from_row(row, platform) for row in found.rows], found, window)


@router.get(
    "/augmentation/runs/{run_id}/report",
    operation_id="getAugmentationReport",
    response_class=StreamingResponse,
    responses=REPORT_ANSWER | refusals(NotFound, TooManyStreams),
)
async def get_report(
    run_id: uuid.UUID,
    _: Viewer,
    platform: PlatformDep,
    form: Annotated[ReportFormat, Query(alias="format")] = "json",
) -> StreamedFile:
    """Send the report of a run: as JSON, or as a page with a contact sheet for each product."""
    async with platform.db.transaction() as session:
        await service.get_run(session, run_id)
    write = reports.write_json if form == "json" else reports.write_html
    media_type = "application/json" if form == "json" else "text/html; charset=utf-8"
    return await stream_file(write(platform, run_id), filename=f"augmentation-{run_id}.{form}", media_type=media_type)
