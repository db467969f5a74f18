"""Who is asking, and whether they may: the dependency that every route but the public ones declares."""

import uuid
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request

from buybuddy.domain.accounts import repository
from buybuddy.domain.accounts.passwords import Passwords
from buybuddy.domain.accounts.rules import API_KEY_PREFIX, Role, allows, hash_secret
from buybuddy.domain.accounts.tables import User
from buybuddy.errors import NotAllowed, NotAuthenticated
from buybuddy.infra.db import Actor, Session
from buybuddy.infra.http import PlatformDep

COOKIE_NAME = "buybuddy_session"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Principal:
    """Who is asking. `session_id` is None for an API key."""

    user: User
    role: Role
    session_id: uuid.UUID | None
    is_api_key: bool = False

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


async def authenticate(request: Request, session: Session) -> Principal:
    """Find out who is asking; with an Authorization header present, cookies are ignored.

    Raises: NotAuthenticated, NotAllowed for a cross-site write.
    """
    header = request.headers.get("authorization")
    if header is not None:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise NotAuthenticated("The Authorization header must be 'Bearer' and a token.")
        return await _by_bearer(session, token.strip())
    cookie = request.cookies.get(cookie_name(request))
    if not cookie:
        raise NotAuthenticated("Sign in first.")
    found = await repository.find_by_cookie(session, hash_secret(cookie))
    if found is None:
        raise NotAuthenticated("The session has ended; sign in again.")
    _refuse_cross_site(request)
    return Principal(found[0], _role(found[0].role), found[1].id)


async def _by_bearer(session: Session, token: str) -> Principal:
    if token.startswith(API_KEY_PREFIX):
        by_key = await repository.find_by_api_key(session, hash_secret(token))
        if by_key is not None:
            user, key = by_key
            role = key.role if allows(user.role, key.role) else user.role
            return Principal(user, _role(role), None, is_api_key=True)
    elif (by_token := await repository.find_by_bearer(session, hash_secret(token))) is not None:
        return Principal(by_token[0], _role(by_token[0].role), by_token[1].id)
    raise NotAuthenticated("The token is not valid, or no longer.")


def _refuse_cross_site(request: Request) -> None:
    """A browser tells where a request comes from; a write with a cookie must come from our own pages."""
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site not in ("same-origin", "none"):
            raise NotAllowed("This request came from another site.")
        return
    origin = request.headers.get("origin")
    if origin is None or urlsplit(origin).netloc != request.headers.get("host"):
        raise NotAllowed("This request came from another site.")


def _role(role: str) -> Role:
    return role  # type: ignore[return-value]  # the table's check constraint allows these only


class Requires:
    """Dependency: the asker has at least this role. tests/contract/test_access.py finds routes without one."""

    def __init__(self, role: Role) -> None:
        self.role = role

    async def __call__(self, request: Request, platform: PlatformDep) -> Principal:
        async with platform.db.transaction() as session:
            principal = await authenticate(request, session)
        if not allows(principal.role, self.role):
            raise NotAllowed(f"This needs the role {self.role}; you are {principal.role}.")
        return principal


Viewer = Annotated[Principal, Depends(Requires("viewer"))]
Operator = Annotated[Principal, Depends(Requires("operator"))]
Engineer = Annotated[Principal, Depends(Requires("engineer"))]
Admin = Annotated[Principal, Depends(Requires("admin"))]
