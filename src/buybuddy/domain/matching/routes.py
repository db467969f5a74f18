"""HTTP of matching."""

import datetime as dt
import uuid
from typing import Annotated

from fastapi import APIRouter, Query

from buybuddy.domain.accounts.access import Operator, Viewer
from buybuddy.domain.collaboration.locks.service import LockLost
from buybuddy.domain.collaboration.tabs import LockToken
from buybuddy.domain.matching import answers
from buybuddy.domain.matching.automation import routes as automation_routes
from buybuddy.domain.matching.candidates import service as candidates
from buybuddy.domain.matching.candidates.repository import PhotoFilters
from buybuddy.domain.matching.decisions import imports as import_decisions
from buybuddy.domain.matching.decisions import repository as decisions_repository
from buybuddy.domain.matching.decisions import service as decisions
from buybuddy.domain.matching.evaluations import routes as evaluation_routes
from buybuddy.domain.matching.queue import routes as queue_routes
from buybuddy.domain.matching.rules import DEFAULT_THRESHOLD
from buybuddy.domain.matching.schemas import (
    AssignmentOut,
    AssignmentsIn,
    CandidateOut,
    DecidedOut,
    DecisionIn,
    DecisionOut,
    SuggestionOut,
)
from buybuddy.errors import NotFound, PreconditionRequired, ResourceLocked
from buybuddy.infra.http import PlatformDep, SessionDep, refusals

router = APIRouter(prefix="/matching", tags=["matching"])
router.include_router(queue_routes.router)
router.include_router(automation_routes.router)
router.include_router(evaluation_routes.router)

UNDER_LOCK = (NotFound, PreconditionRequired, ResourceLocked, LockLost)
HISTORY_SHOWN = 500


@router.get("/candidates/{product_id}", operation_id="listCandidates", responses=refusals(NotFound))
async def list_candidates(
    product_id: uuid.UUID,
    _: Viewer,
    session: SessionDep,
    platform: PlatformDep,
    threshold: Annotated[float, Query(ge=-1, le=1, description="The least cosine similarity.")] = DEFAULT_THRESHOLD,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    source: Annotated[str | None, Query(max_length=200)] = None,
    captured_since: dt.datetime | None = None,
    with_skipped: Annotated[bool, Query(description="Show what was skipped once more.")] = False,
) -> list[CandidateOut]:
    """List open photos that may show a product, those with its barcode first, then by similarity."""
    product = await candidates.get_product(session, product_id)
    found = await candidates.find_candidates(
        session,
        product,
        threshold=threshold,
        limit=limit,
        filters=PhotoFilters(source, captured_since),
        with_skipped=with_skipped,
    )
    return await answers.show_candidates(session, product, found, platform, with_skipped=with_skipped)


@router.get("/suggestions/{photo_id}", operation_id="listSuggestions", responses=refusals(NotFound))
async def list_suggestions(
    photo_id: uuid.UUID,
    _: Viewer,
    session: SessionDep,
    platform: PlatformDep,
    limit: Annotated[int, Query(ge=1, le=50)] = 5,
) -> list[SuggestionOut]:
    """List products that a photo may show: owners of its barcodes first, then the most similar.

    None that it was rejected for is among them.
    """
    _photo, found = await candidates.suggest_products(session, photo_id, limit)
    return await answers.show_suggestions(session, found, platform)


@router.get("/decisions/{product_id}", operation_id="listDecisions", responses=refusals(NotFound))
async def list_decisions(
    product_id: uuid.UUID, _: Viewer, session: SessionDep, platform: PlatformDep
) -> list[DecisionOut]:
    """List the newest 500 decisions about a product, with who made them."""
    await candidates.get_product(session, product_id)
    rows = await decisions_repository.list_history(session, product_id, HISTORY_SHOWN)
    return [DecisionOut.from_row(row, photo, platform) for row, photo in rows]


@router.post("/approve", operation_id="approveMatches", responses=refusals(*UNDER_LOCK, decisions.PhotoTaken))
async def approve_matches(
    body: DecisionIn, principal: Operator, session: SessionDep, lock_token: LockToken = None
) -> DecidedOut:
    """Make photos real images of a product; 409 shows who has assigned one elsewhere, and then nothing is written."""
    decided = await decisions.approve(
        session, body.product_id, body.candidate_ids, principal.actor, lock_token, body.threshold
    )
    return DecidedOut.of(decided)


@router.post("/reject", operation_id="rejectMatches", responses=refusals(*UNDER_LOCK, decisions.AlreadyApproved))
async def reject_matches(
    body: DecisionIn, principal: Operator, session: SessionDep, lock_token: LockToken = None
) -> DecidedOut:
    """Say that photos do not show a product; they never come up for it again."""
    decided = await decisions.decide_against(
        session, body.product_id, body.candidate_ids, "rejected", principal.actor, lock_token, body.threshold
    )
    return DecidedOut.of(decided)


@router.post("/skip", operation_id="skipMatches", responses=refusals(*UNDER_LOCK, decisions.AlreadyApproved))
async def skip_matches(
    body: DecisionIn, principal: Operator, session: SessionDep, lock_token: LockToken = None
) -> DecidedOut:
    """Leave photos for later; they come up again only when skipped ones are asked for."""
    decided = await decisions.decide_against(
        session, body.product_id, body.candidate_ids, "skipped", principal.actor, lock_token, body.threshold
    )
    return DecidedOut.of(decided)


@router.post("/undo", operation_id="undoMatches", responses=refusals(*UNDER_LOCK))
async def undo_matches(
    body: DecisionIn, principal: Operator, session: SessionDep, lock_token: LockToken = None
) -> DecidedOut:
    """Take back whatever was decided about photos of a product."""
    decided = await decisions.undo(session, body.product_id, body.candidate_ids, principal.actor, lock_token)
    return DecidedOut.of(decided)


@router.post("/assign", operation_id="assignPhotos")
async def assign_photos(body: AssignmentsIn, principal: Operator, session: SessionDep) -> list[AssignmentOut]:
    """Make photos real images of the products whose barcodes they are said to show; each pair has its own answer."""
    pairs = [(pair.photo_id, pair.barcode) for pair in body.pairs]
    outcomes = await import_decisions.assign_by_barcode(session, pairs, principal.actor)
    return [AssignmentOut.model_validate(outcome, from_attributes=True) for outcome in outcomes]
