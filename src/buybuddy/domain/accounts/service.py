"""Signing in and out, and keys for programs."""

import datetime as dt
import hashlib
import uuid
from dataclasses import dataclass

from buybuddy.domain.accounts import repository
from buybuddy.domain.accounts.passwords import Passwords
from buybuddy.domain.accounts.rules import API_KEY_PREFIX, Role, block_s, hash_secret, new_secret
from buybuddy.domain.accounts.tables import ApiKey, User
from buybuddy.errors import LoginThrottled, NotAuthenticated, NotFound
from buybuddy.infra.db import Actor, Database, Session, Subject, new_id, record_audit

ADMIN_USERNAME = "admin"
CLI_KEY_NAME = "this machine's command line"


class InvalidCredentials(NotAuthenticated):
    code = "INVALID_CREDENTIALS"


@dataclass(frozen=True)
class SignedIn:
    """A fresh sign-in; both secrets are known to nobody else and stored only as hashes."""

    user: User
    cookie: str
    bearer: str


async def sign_in(
    db: Database, passwords: Passwords, username: str, password: str, address: str, session_hours: float
) -> SignedIn:
    """Check a password and open a session. Raises: LoginThrottled, InvalidCredentials."""
    account = _throttle_subject("account", username.strip().lower())
    source = _throttle_subject("address", address)
    async with db.transaction() as session:
        wait_s = await repository.blocked_for_s(session, [account, source])
        if wait_s > 0:
            raise LoginThrottled(
                f"Too many failed sign-ins; try again in {wait_s:.0f} s.", retry_after_s=max(1, round(wait_s))
            )
        # Counted as failed before the password is looked at, so that attempts at the same moment count too.
        await repository.block(session, account, block_s("account", await repository.add_failure(session, account)))
        await repository.block(session, source, block_s("address", await repository.add_failure(session, source)))
        user = await repository.find_user_by_name(session, username)
    if not await passwords.matches(password, user.password_hash if user else None) or user is None:
        raise InvalidCredentials("The user name or the password is wrong.")
    cookie, bearer = new_secret(), new_secret()
    async with db.transaction() as session:
        await repository.forget_failures(session, account)
        await repository.forgive_failure(session, source)
        await repository.add_session(session, user.id, hash_secret(cookie), hash_secret(bearer), session_hours)
        record_audit(session, Actor(user.id, user.username), "user.sign_in", Subject("user", user.id, user.username))
    return SignedIn(user, cookie, bearer)


async def create_admin(session: Session, passwords: Passwords) -> str | None:
    """Create the first user and return its generated password; None when there already are users."""
    if await repository.count_users(session) > 0:
        return None
    password = new_secret()[:20]
    session.add(User(id=new_id(), username=ADMIN_USERNAME, password_hash=await passwords.hash(password), role="admin"))
    return password


async def replace_cli_key(session: Session) -> str:
    """Give this machine's command line a fresh key; the one before stops working. Raises: NotFound."""
    admin = await repository.find_user_by_name(session, ADMIN_USERNAME)
    if admin is None:
        raise NotFound("There is no admin to act for.")
    await repository.remove_api_keys_named(session, admin.id, CLI_KEY_NAME)
    _, secret = create_api_key(session, admin.id, "admin", CLI_KEY_NAME, None)
    return secret


async def reset_password(session: Session, passwords: Passwords, username: str, actor: Actor) -> str:
    """Give a user a new generated password, end their sessions and return it. Raises: NotFound."""
    user = await repository.find_user_by_name(session, username)
    if user is None:
        raise NotFound(f"There is no user {username}.")
    password = new_secret()[:20]
    user.password_hash = await passwords.hash(password)
    await repository.remove_sessions_of(session, user.id)
    await repository.forget_failures(session, _throttle_subject("account", user.username.lower()))
    record_audit(session, actor, "user.reset_password", Subject("user", user.id, user.username))
    return password


def create_api_key(
    session: Session, user_id: uuid.UUID, role: Role, name: str, lifetime: dt.timedelta | None
) -> tuple[ApiKey, str]:
    """Add a key with its owner's role and return it with its secret, which is not stored."""
    secret = API_KEY_PREFIX + new_secret()
    key = ApiKey(
        id=new_id(),
        user_id=user_id,
        name=name,
        prefix=secret[: len(API_KEY_PREFIX) + 4],
        key_hash=hash_secret(secret),
        role=role,
        expires_at=dt.datetime.now(dt.UTC) + lifetime if lifetime else None,
    )
    session.add(key)
    return key, secret


async def remove_api_key(session: Session, user_id: uuid.UUID, key_id: uuid.UUID) -> None:
    """Raises: NotFound."""
    if not await repository.remove_api_key(session, user_id, key_id):
        raise NotFound("There is no such key.")


def _throttle_subject(kind: str, value: str) -> bytes:
    return hashlib.sha256(f"{kind}:{value}".encode()).digest()
