"""HTTP of sign-in and of one's own password and keys."""

import datetime as dt
import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from buybuddy.domain.accounts import key_service, repository, service
from buybuddy.domain.accounts.access import PasswordsDep, Viewer, cookie_name, refuse_other_sites
from buybuddy.domain.accounts.rules import shortened_user_agent
from buybuddy.domain.accounts.schemas import (
    ApiKeyCreated,
    ApiKeyIn,
    ApiKeyOut,
    LoginIn,
    LoginOut,
    PasswordChange,
    UserOut,
)
from buybuddy.domain.accounts.service import Attempt, Gate, InvalidCredentials, WrongPassword
from buybuddy.errors import InvalidInput, LoginThrottled, NotAllowed, NotFound
from buybuddy.infra.clients.buybuddy_sign_in import BuybuddySignIn, UpstreamUnavailable
from buybuddy.infra.http import Page, PlatformDep, SessionDep, page_of_all, refusals
from buybuddy.infra.sealing import Sealer

public_router = APIRouter(prefix="/auth", tags=["auth"])
router = APIRouter(prefix="/auth", tags=["auth"])

SEALED_FOR = "buybuddy-token"


def build_gate(platform: PlatformDep, passwords: PasswordsDep) -> Gate:
    """Return what sign-in checks with, as the settings say."""
    settings = platform.settings
    url = settings.buybuddy_url()
    return Gate(
        db=platform.db,
        passwords=passwords,
        sealer=Sealer(settings.signing_keys(), SEALED_FOR),
        upstream=BuybuddySignIn(url, settings.buybuddy_timeout_s) if url else None,
        upstream_role=settings.buybuddy_default_role,
        session_hours=settings.session_hours,
    )


GateDep = Annotated[Gate, Depends(build_gate)]


@public_router.post(
    "/login",
    operation_id="login",
    responses=refusals(InvalidCredentials, NotAllowed, LoginThrottled, UpstreamUnavailable),
)
async def login(body: LoginIn, request: Request, response: Response, gate: GateDep) -> LoginOut:
    """Sign in with a password; where Buybuddy's sign-in is on, users that are not known here are asked for there."""
    refuse_other_sites(request)
    attempt = Attempt(
        username=body.username,
        password=body.password.get_secret_value(),
        address=request.client.host if request.client else "unknown",
        user_agent=shortened_user_agent(request.headers.get("user-agent")),
        old_cookie=request.cookies.get(cookie_name(request)),
    )
    signed_in = await service.sign_in(gate, attempt)
    is_secure = request.url.scheme == "https"
    seconds = int(gate.session_hours * 3600)
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
        await service.sign_out(session, principal.user.id, principal.session_id, principal.actor)
    response.delete_cookie(cookie_name(request), secure=request.url.scheme == "https", httponly=True, samesite="lax")


@router.post(
    "/password",
    operation_id="changePassword",
    status_code=204,
    responses=refusals(WrongPassword, InvalidInput, LoginThrottled, NotAllowed),
)
async def change_password(body: PasswordChange, principal: Viewer, gate: GateDep) -> None:
    """Give oneself a new password; one's other sessions end."""
    if principal.session_id is None:
        raise NotAllowed("A key has no password; sign in to change yours.")
    current, new = body.current_password.get_secret_value(), body.new_password.get_secret_value()
    await service.change_password(gate, principal.user.username, principal.session_id, current, new)


@router.get("/api-keys", operation_id="listApiKeys")
async def list_api_keys(principal: Viewer, session: SessionDep) -> Page[ApiKeyOut]:
    """List the keys of whoever is signed in."""
    keys = await repository.list_api_keys(session, principal.user.id)
    return page_of_all([ApiKeyOut.from_row(key) for key in keys])


@router.post(
    "/api-keys",
    operation_id="createApiKey",
    status_code=201,
    responses=refusals(NotAllowed, key_service.TooManyKeys),
)
async def create_api_key(body: ApiKeyIn, principal: Viewer, session: SessionDep) -> ApiKeyCreated:
    """Create a key with at most one's own role, for all areas or for some. A key cannot create another."""
    key, secret = await key_service.create_api_key(
        session,
        principal.actor,
        principal.role,
        name=body.name,
        role=body.role,
        scopes=body.scopes,
        lifetime=dt.timedelta(days=body.expires_in_days) if body.expires_in_days else None,
    )
    return ApiKeyCreated(**ApiKeyOut.from_row(key).model_dump(), key=secret)


@router.delete("/api-keys/{key_id}", operation_id="deleteApiKey", status_code=204, responses=refusals(NotFound))
async def delete_api_key(key_id: uuid.UUID, principal: Viewer, session: SessionDep) -> None:
    """Revoke one of one's own keys."""
    await key_service.remove_api_key(session, principal.user.id, key_id, principal.actor)
