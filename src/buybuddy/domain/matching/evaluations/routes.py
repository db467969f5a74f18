"""HTTP of evaluations."""

import asyncio
import uuid
from typing import Annotated

from fastapi import APIRouter, Form, UploadFile

from buybuddy.domain.accounts.access import Engineer, Viewer
from buybuddy.domain.jobs.dependencies import BoardDep, IdempotencyKey
from buybuddy.domain.jobs.idempotency import KeyReused
from buybuddy.domain.matching.evaluations import repository, service
from buybuddy.domain.matching.evaluations.files import read_truth
from buybuddy.domain.matching.evaluations.schemas import EvaluationOut, LeftOutOut
from buybuddy.domain.matching.evaluations.tables import MatchEvaluation
from buybuddy.errors import Conflict, InvalidInput, NotFound, PayloadTooLarge, QueueFull, UnreadableMedia
from buybuddy.infra.db import Session
from buybuddy.infra.db.pages import BadCursor
from buybuddy.infra.http import Page, PlatformDep, SessionDep, WindowQuery, page_of, refusals

router = APIRouter(prefix="/evaluations")


@router.post(
    "",
    operation_id="evaluateMatching",
    status_code=202,
    responses=refusals(InvalidInput, UnreadableMedia, PayloadTooLarge, Conflict, QueueFull, KeyReused),
)
async def evaluate_matching(
    truth: UploadFile,
    principal: Engineer,
    platform: PlatformDep,
    board: BoardDep,
    category: Annotated[str | None, Form(max_length=300, description="Only its products, and photos of them.")] = None,
    encoder: Annotated[str | None, Form(max_length=200, description="By its name; else the one that serves.")] = None,
    idempotency_key: IdempotencyKey = None,
) -> EvaluationOut:
    """Measure matching against a CSV or XLSX file (columns path, barcode; 200,000 rows) of which photo shows what."""
    service.check_size(truth.size)
    rows = await asyncio.to_thread(read_truth, truth.file)
    wish = service.Wish(category or None, encoder or None)
    async with platform.db.transaction() as session:
        evaluation = await service.begin(session, board, rows, wish, principal.actor, idempotency_key)
        return await _evaluation_out(session, evaluation)


@router.get("/{evaluation_id}", operation_id="getEvaluation", responses=refusals(NotFound))
async def get_evaluation(evaluation_id: uuid.UUID, _: Viewer, session: SessionDep) -> EvaluationOut:
    """Return a measurement and the job that works on it."""
    return await _evaluation_out(session, await service.get_evaluation(session, evaluation_id))


@router.get("/{evaluation_id}/left-out", operation_id="listLeftOut", responses=refusals(NotFound, BadCursor))
async def list_left_out(
    evaluation_id: uuid.UUID, _: Viewer, session: SessionDep, window: WindowQuery
) -> Page[LeftOutOut]:
    """List the rows of the truth that take no part, with the reasons."""
    evaluation = await service.get_evaluation(session, evaluation_id)
    found = await repository.list_left_out(session, evaluation, window)
    return page_of([LeftOutOut.from_row(row) for row in found.rows], found, window)


async def _evaluation_out(session: Session, evaluation: MatchEvaluation) -> EvaluationOut:
    encoder = await repository.get_encoder(session, evaluation)
    return EvaluationOut.from_parts(evaluation, encoder, await service.get_job(session, evaluation))
