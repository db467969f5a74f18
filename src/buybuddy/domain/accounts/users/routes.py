"""HTTP of users, for admins."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from buybuddy.domain.accounts import key_service, repository
from buybuddy.domain.accounts.access import Admin, PasswordsDep
from buybuddy.domain.accounts.rules import Role
from buybuddy.domain.accounts.schemas import (
    ApiKeyOut,
    ApiKeysRevoked,
    LoginSessionOut,
    PasswordReset,
    SessionsEnded,
    UserCreated,
    UserEdit,
    UserIn,
    UserOut,
)
from buybuddy.domain.accounts.users import repository as user_repository
from buybuddy.domain.accounts.users import service as user_service
from buybuddy.domain.accounts.users.service import LastAdmin, NameTaken, StaleVersion
from buybuddy.errors import InvalidInput, NotFound, PreconditionRequired
from buybuddy.infra.db.pages import BadCursor
from buybuddy.infra.http import (
    IfMatch,
    Page,
    SessionDep,
    WindowQuery,
    edited_version,
    page_of,
    page_of_all,
    refusals,
    set_etag,
)

router = APIRouter(prefix="/auth/users", tags=["users"])


@router.get("", operation_id="listUsers", responses=refusals(BadCursor))
async def list_users(
    _: Admin,
    session: SessionDep,
    window: WindowQuery,
    search: Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$", description="Part of a name.")] = None,
    role: Annotated[Role | None, Query()] = None,
    is_disabled: Annotated[bool | None, Query()] = None,
) -> Page[UserOut]:
    """List users by name."""
    found = await user_repository.list_users(session, search, role, is_disabled, window)
    return page_of([UserOut.from_row(user) for user in found.rows], found, window)


@router.post("", operation_id="createUser", status_code=201, responses=refusals(NameTaken))
async def create_user(
    body: UserIn, principal: Admin, session: SessionDep, passwords: PasswordsDep, response: Response
) -> UserCreated:
    """Add a user; without a password one is generated and shown this once."""
    made = await user_service.create_user(session, passwords, body, principal.actor)
    set_etag(response, made.user.version)
    return UserCreated(**UserOut.from_row(made.user).model_dump(), password=made.password)


@router.get("/{user_id}", operation_id="getUser", responses=refusals(NotFound))
async def get_user(user_id: uuid.UUID, _: Admin, session: SessionDep, response: Response) -> UserOut:
    """Return one user; the ETag is the version."""
    user = await user_service.get_user(session, user_id)
    set_etag(response, user.version)
    return UserOut.from_row(user)


@router.patch(
    "/{user_id}",
    operation_id="editUser",
    responses=refusals(NotFound, StaleVersion, NameTaken, LastAdmin, PreconditionRequired),
)
async def edit_user(
    user_id: uuid.UUID,
    body: UserEdit,
    principal: Admin,
    session: SessionDep,
    response: Response,
    if_match: IfMatch = None,
) -> UserOut:
    """Change role, email or whether a user may sign in; 409, with the row as it is, when it is not as it was read."""
    user = await user_service.edit_user(session, user_id, body, edited_version(body.version, if_match), principal.actor)
    set_etag(response, user.version)
    return UserOut.from_row(user)


@router.post("/{username}/reset-password", operation_id="resetPassword", responses=refusals(NotFound, InvalidInput))
async def reset_password(
    username: Annotated[str, Path(max_length=320, pattern=r"^[^\x00]+$")],
    principal: Admin,
    session: SessionDep,
    passwords: PasswordsDep,
) -> PasswordReset:
    """Give a user a new generated password, shown this once, and end their sessions; their keys go on working."""
    password = await user_service.reset_password(session, passwords, username, principal.actor)
    return PasswordReset(username=username, password=password)


@router.get("/{user_id}/sessions", operation_id="listUserSessions", responses=refusals(NotFound, BadCursor))
async def list_user_sessions(
    user_id: uuid.UUID, principal: Admin, session: SessionDep, window: WindowQuery
) -> Page[LoginSessionOut]:
    """List a user's sessions that have not ended, newest first."""
    user = await user_service.get_user(session, user_id)
    found = await repository.list_sessions(session, user.id, window)
    return page_of([LoginSessionOut.from_row(row, principal.session_id) for row in found.rows], found, window)


@router.delete("/{user_id}/sessions", operation_id="endUserSessions", responses=refusals(NotFound))
async def end_user_sessions(user_id: uuid.UUID, principal: Admin, session: SessionDep) -> SessionsEnded:
    """End all sessions of a user."""
    user = await user_service.get_user(session, user_id)
    return SessionsEnded(n_ended=await user_service.end_sessions(session, user, principal.actor))


@router.delete(
    "/{user_id}/sessions/{session_id}", operation_id="endUserSession", status_code=204, responses=refusals(NotFound)
)
async def end_user_session(user_id: uuid.UUID, session_id: uuid.UUID, principal: Admin, session: SessionDep) -> None:
    """End one session of a user."""
    user = await user_service.get_user(session, user_id)
    await user_service.end_session(session, user, session_id, principal.actor)


@router.get("/{user_id}/api-keys", operation_id="listUserApiKeys", responses=refusals(NotFound))
async def list_user_api_keys(user_id: uuid.UUID, _: Admin, session: SessionDep) -> Page[ApiKeyOut]:
    """List a user's keys."""
    user = await user_service.get_user(session, user_id)
    return page_of_all([ApiKeyOut.from_row(key) for key in await repository.list_api_keys(session, user.id)])


@router.delete("/{user_id}/api-keys", operation_id="deleteUserApiKeys", responses=refusals(NotFound))
async def delete_user_api_keys(user_id: uuid.UUID, principal: Admin, session: SessionDep) -> ApiKeysRevoked:
    """Revoke every key of a user; what they opened ends at once."""
    user = await user_service.get_user(session, user_id)
    return ApiKeysRevoked(n_revoked=await user_service.revoke_api_keys(session, user, principal.actor))


@router.delete(
    "/{user_id}/api-keys/{key_id}", operation_id="deleteUserApiKey", status_code=204, responses=refusals(NotFound)
)
async def delete_user_api_key(user_id: uuid.UUID, key_id: uuid.UUID, principal: Admin, session: SessionDep) -> None:
    """Revoke a key of a user."""
    await key_service.remove_api_key(session, user_id, key_id, principal.actor)
