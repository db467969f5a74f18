"""Who is asking, and whether they may: the dependency that every route but the public ones declares."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import structlog
from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from buybuddy.domain.accounts import identity_repository
from buybuddy.domain.accounts.identity_repository import Account, FoundSession
from buybuddy.domain.accounts.passwords import Passwords
from buybuddy.domain.accounts.rules import (
    API_KEY_PREFIX,
    OPEN_TO_KEYS,
    PEOPLE_ONLY_TAGS,
    Role,
    allows,
    hash_secret,
    lesser,
    missing_scope,
)
from buybuddy.errors import NotAllowed, NotAuthenticated
from buybuddy.infra.db import Actor
from buybuddy.infra.http import Platform, PlatformDep

COOKIE_NAME = "buybuddy_session"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class OutOfScope(NotAllowed):
    """A key was used for an area that it is not for."""

    code = "OUT_OF_SCOPE"


@dataclass(frozen=True)
class Principal:
    """Who is asking.

    Args:
        role: the user's, or a key's lesser one.
        session_id: None for an API key.
        scopes: the areas that a key is limited to; None without a limit.
        is_console: by the key of this machine's command line, which may do what only people may.
        key_id: None for a session.
    """

    user: Account
    role: Role
    session_id: uuid.UUID | None
    is_api_key: bool = False
    scopes: frozenset[str] | None = None
    is_console: bool = False
    key_id: uuid.UUID | None = None

    @property
    def actor(self) -> Actor:
        return Actor(self.user.id, self.user.username)


def get_passwords(request: Request) -> Passwords:
    passwords: Passwords = request.app.state.passwords
    return passwords


PasswordsDep = Annotated[Passwords, Depends(get_passwords)]


def cookie_name(request: Request) -> str:
    """Over TLS the cookie is bound to this host by its name."""
    return f"__Host-{COOKIE_NAME}" if request.url.scheme == "https" else COOKIE_NAME


async def authenticate(request: Request, platform: Platform) -> Principal:
    """Find out who is asking; with an Authorization header present, cookies are ignored.

    Raises: NotAuthenticated, NotAllowed for a cross-site write.
    """
    header = request.headers.get("authorization")
    if header is not None:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise NotAuthenticated("The Authorization header must be 'Bearer' and a token.")
        return await _by_bearer(platform, token.strip())
    cookie = request.cookies.get(cookie_name(request))
    if not cookie:
        raise NotAuthenticated("Sign in first.")
    found = await identity_repository.find_by_cookie(platform.reader, hash_secret(cookie))
    if found is None:
        raise NotAuthenticated("The session has ended; sign in again.")
    _refuse_cross_site(request)
    return await _of_session(platform, found)


async def _by_bearer(platform: Platform, token: str) -> Principal:
    if token.startswith(API_KEY_PREFIX):
        key = await identity_repository.find_by_api_key(platform.reader, hash_secret(token))
        if key is not None:
            if key.is_seen_late:
                async with platform.db.transaction() as session:
                    await identity_repository.note_key_used(session, key.key_id)
            role = lesser(key.role, key.account.role)
            return Principal(key.account, role, None, True, key.scopes, key.is_console, key.key_id)
    elif (found := await identity_repository.find_by_bearer(platform.reader, hash_secret(token))) is not None:
        return await _of_session(platform, found)
    raise NotAuthenticated("The token is not valid, or no longer.")


async def _of_session(platform: Platform, found: FoundSession) -> Principal:
    if found.is_seen_late:
        async with platform.db.transaction() as session:
            await identity_repository.note_session_seen(session, found.session_id)
    return Principal(found.account, found.account.role, found.session_id)


def refuse_other_sites(request: Request) -> None:
    """Refuse what a browser says another site sends: nobody is to be signed in by a page that is not ours.

    Raises: NotAllowed.
    """
    if _is_from_our_page(request) is False:
        raise NotAllowed("This request came from another site.")


def _refuse_cross_site(request: Request) -> None:
    """A browser tells where a request comes from; a write with a cookie must come from our own pages."""
    if request.method not in SAFE_METHODS and not _is_from_our_page(request):
        raise NotAllowed("This request came from another site.")


def _is_from_our_page(request: Request) -> bool | None:
    """Tell whether a browser says that one of our pages sends this; None when nothing is said, as by a program."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    if origin is None:
        return None
    scheme, _, host = origin.partition("://")
    return host == request.headers.get("host") and (scheme == "https" or request.url.scheme != "https")


def _refuse_key(request: Request, principal: Principal) -> None:
    """Keep a key out of what only people may do, and out of the areas that it is not for."""
    if not principal.is_api_key or principal.is_console:
        return
    known = find_route(request)
    if known is None:
        raise NotAllowed("This is not open to API keys.")
    if known.operation_id in OPEN_TO_KEYS:
        return
    if not PEOPLE_ONLY_TAGS.isdisjoint(known.tags):
        raise NotAllowed("An API key cannot manage accounts, sessions or keys; sign in for that.")
    area = missing_scope(principal.scopes, known.tags)
    if area is not None:
        raise OutOfScope(f"This needs a key with the scope {area}.", needed_scope=area)


class Requires:
    """Dependency: the asker has at least this role, and a key the scope. tests/contract/test_access.py walks them all.

    A route has the router's and its own; who is asking is found out once.
    """

    def __init__(self, role: Role) -> None:
        self.role = role

    async def __call__(self, request: Request, platform: PlatformDep) -> Principal:
        principal: Principal | None = getattr(request.state, "principal", None)
        if principal is None:
            principal = await authenticate(request, platform)
            structlog.contextvars.bind_contextvars(user_id=str(principal.user.id))
            _refuse_key(request, principal)
            request.state.principal = principal
        if not allows(principal.role, self.role):
            raise NotAllowed(f"This needs the role {self.role}; you are {principal.role}.")
        return principal


@dataclass(frozen=True)
class KnownRoute:
    """What is known of a route before it is called; `requirements` are its own and those of the routers around it."""

    operation_id: str | None
    tags: tuple[str, ...]
    requirements: tuple[Requires, ...]


def find_route(request: Request) -> KnownRoute | None:
    """Return the route that a request has been matched with; None when it is none of the API's."""
    return _routes_by_endpoint(request.app).get(request.scope.get("endpoint"))


def _routes_by_endpoint(app: FastAPI) -> dict[object, KnownRoute]:
    """Return every route by its function, with what the routers around it add; read off the application once."""
    known: dict[object, KnownRoute] | None = getattr(app.state, "routes_by_endpoint", None)
    if known is None:
        known = {
            context.endpoint: KnownRoute(
                context.operation_id,
                tuple(str(tag) for tag in context.tags or ()),
                tuple(_requirements(context.dependant)) if context.dependant is not None else (),
            )
            for context in iter_route_contexts(app.routes)
            if context.endpoint is not None and isinstance(context.original_route, APIRoute)
        }
        app.state.routes_by_endpoint = known
    return known


def _requirements(dependant: Dependant) -> Iterator[Requires]:
    if isinstance(dependant.call, Requires):
        yield dependant.call
    for inner in dependant.dependencies:
        yield from _requirements(inner)


Viewer = Annotated[Principal, Depends(Requires("viewer"))]
Operator = Annotated[Principal, Depends(Requires("operator"))]
Engineer = Annotated[Principal, Depends(Requires("engineer"))]
Admin = Annotated[Principal, Depends(Requires("admin"))]
