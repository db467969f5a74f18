"""HTTP of the sessions of whoever is signed in."""

import uuid

from fastapi import APIRouter

from buybuddy.domain.accounts import repository
from buybuddy.domain.accounts.access import Viewer
from buybuddy.domain.accounts.schemas import LoginSessionOut, SessionsEnded
from buybuddy.domain.accounts.users import service as user_service
from buybuddy.errors import NotFound
from buybuddy.infra.db.pages import BadCursor
from buybuddy.infra.http import Page, SessionDep, WindowQuery, page_of, refusals

router = APIRouter(prefix="/auth/sessions", tags=["auth"])


@router.get("", operation_id="listSessions", responses=refusals(BadCursor))
async def list_sessions(principal: Viewer, session: SessionDep, window: WindowQuery) -> Page[LoginSessionOut]:
    """List one's own sessions that have not ended, newest first."""
    found = await repository.list_sessions(session, principal.user.id, window)
    return page_of([LoginSessionOut.from_row(row, principal.session_id) for row in found.rows], found, window)


@router.post("/end-others", operation_id="endOtherSessions")
async def end_other_sessions(principal: Viewer, session: SessionDep) -> SessionsEnded:
    """End all of one's sessions but this one."""
    me = await user_service.get_user(session, principal.user.id)
    ended = await user_service.end_sessions(session, me, principal.actor, but=principal.session_id)
    return SessionsEnded(n_ended=ended)


@router.delete("/{session_id}", operation_id="endSession", status_code=204, responses=refusals(NotFound))
async def end_session(session_id: uuid.UUID, principal: Viewer, session: SessionDep) -> None:
    """End one of one's own sessions; its cookie and its token stop working at once."""
    me = await user_service.get_user(session, principal.user.id)
    await user_service.end_session(session, me, session_id, principal.actor)
