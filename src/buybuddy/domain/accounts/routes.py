"""HTTP of sign-in and API keys."""

import datetime as dt
import uuid

from fastapi import APIRouter, Request, Response

from buybuddy.domain.accounts import repository, service
from buybuddy.domain.accounts.access import Admin, PasswordsDep, Viewer, cookie_name
from buybuddy.domain.accounts.schemas import (
    ApiKeyCreated,
    ApiKeyIn,
    ApiKeyOut,
    LoginIn,
    LoginOut,
    PasswordReset,
    UserOut,
)
from buybuddy.errors import NotAllowed
from buybuddy.infra.http import Page, PlatformDep, SessionDep, page_of

public_router = APIRouter(prefix="/auth", tags=["auth"])
router = APIRouter(prefix="/auth", tags=["auth"])


@public_router.post("/login", operation_id="login")
async def login(
    body: LoginIn, request: Request, response: Response, platform: PlatformDep, passwords: PasswordsDep
) -> LoginOut:
    """Sign in with a password."""
    hours = platform.settings.session_hours
    address = request.client.host if request.client else "unknown"
    signed_in = await service.sign_in(platform.db, passwords, body.username, body.password, address, hours)
    is_secure = request.url.scheme == "https"
    seconds = int(hours * 3600)
    response.set_cookie(
        cookie_name(request), signed_in.cookie, max_age=seconds, httponly=True, secure=is_secure, samesite="lax"
    )
    return LoginOut(access_token=signed_in.bearer, expires_in=seconds, user=UserOut.from_row(signed_in.user))


@router.get("/me", operation_id="getMe")
async def get_me(principal: Viewer) -> UserOut:
    """Return who is signed in."""
    return UserOut.from_row(principal.user)


@router.post("/logout", operation_id="logout", status_code=204)
async def logout(principal: Viewer, request: Request, response: Response, session: SessionDep) -> None:
    """End the session; its cookie and its token stop working at once."""
    if principal.session_id is not None:
        await repository.remove_session(session, principal.session_id)
    response.delete_cookie(cookie_name(request), secure=request.url.scheme == "https", httponly=True, samesite="lax")


@router.post("/users/{username}/reset-password", operation_id="resetPassword")
async def reset_password(
    username: str, principal: Admin, session: SessionDep, passwords: PasswordsDep
) -> PasswordReset:
    """Give a user a new generated password, shown this once, and end their sessions."""
    password = await service.reset_password(session, passwords, username, principal.actor)
    return PasswordReset(username=username, password=password)


@router.get("/api-keys", operation_id="listApiKeys")
async def list_api_keys(principal: Viewer, session: SessionDep) -> Page[ApiKeyOut]:
    """List the keys of whoever is signed in."""
    keys = await repository.list_api_keys(session, principal.user.id)
    return page_of([ApiKeyOut.from_row(key) for key in keys], total=len(keys), page=1, limit=max(len(keys), 1))


@router.post("/api-keys", operation_id="createApiKey", status_code=201)
async def create_api_key(body: ApiKeyIn, principal: Viewer, session: SessionDep) -> ApiKeyCreated:
    """Create a key with one's own role. A key cannot create another."""
    if principal.is_api_key:
        raise NotAllowed("An API key cannot create another one; sign in for that.")
    lifetime = dt.timedelta(days=body.expires_in_days) if body.expires_in_days else None
    key, secret = service.create_api_key(session, principal.user.id, principal.role, body.name, lifetime)
    await session.flush()
    await session.refresh(key)
    return ApiKeyCreated(**ApiKeyOut.from_row(key).model_dump(), key=secret)


@router.delete("/api-keys/{key_id}", operation_id="deleteApiKey", status_code=204)
async def delete_api_key(key_id: uuid.UUID, principal: Viewer, session: SessionDep) -> None:
    """Revoke a key."""
    await service.remove_api_key(session, principal.user.id, key_id)
