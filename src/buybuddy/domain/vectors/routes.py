"""HTTP of encoders and their vectors."""

import uuid

from fastapi import APIRouter

from buybuddy.domain.accounts.access import Engineer, Viewer
from buybuddy.domain.jobs.dependencies import BoardDep
from buybuddy.domain.jobs.schemas import JobOut
from buybuddy.domain.vectors.encoders import service
from buybuddy.domain.vectors.encoders.schemas import ActivationIn, EncoderOut, FillIn
from buybuddy.errors import Conflict, NotFound
from buybuddy.infra.http import SessionDep, refusals

router = APIRouter(prefix="/embeddings/encoders", tags=["embeddings"])


@router.get("", operation_id="listEncoders")
async def list_encoders(_: Viewer, session: SessionDep) -> list[EncoderOut]:
    """List encoders with how many vectors each has, the serving one first."""
    return [EncoderOut.of(state) for state in await service.list_states(session)]


@router.post("/fill", operation_id="fillEncoder", status_code=202, responses=refusals(Conflict))
async def fill_encoder(body: FillIn, principal: Engineer, session: SessionDep, board: BoardDep) -> list[JobOut]:
    """Embed whatever an encoder has no vector of, while another one serves; the jobs make their own successors."""
    return [JobOut.from_row(job) for job in await service.fill(session, board, body.encoder, principal.actor)]


@router.post(
    "/{encoder_id}/activate", operation_id="activateEncoder", responses=refusals(NotFound, service.NotFilled)
)  # fmt: skip
async def activate_encoder(
    encoder_id: uuid.UUID, body: ActivationIn, principal: Engineer, session: SessionDep, board: BoardDep
) -> EncoderOut:
    """Have an encoder answer candidates and searches from now on; suggestions are then found anew."""
    state = await service.activate(session, board, encoder_id, principal.actor, is_forced=body.force)
    return EncoderOut.of(state)
