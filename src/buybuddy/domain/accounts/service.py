"""Signing in and out, and one's own password."""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from buybuddy.domain.accounts import repository
from buybuddy.domain.accounts.key_service import create_console_key, emit_account
from buybuddy.domain.accounts.passwords import Passwords
from buybuddy.domain.accounts.rules import Role, block_s, hash_secret, new_password, new_secret
from buybuddy.domain.accounts.tables import LoginSession, User
from buybuddy.domain.accounts.users import repository as user_repository
from buybuddy.errors import BuybuddyError, InvalidInput, LoginThrottled, NotAuthenticated, NotFound
from buybuddy.infra.clients.buybuddy_sign_in import BuybuddySignIn
from buybuddy.infra.db import Actor, Database, Session, Subject, new_id, record_audit
from buybuddy.infra.sealing import Sealer

ADMIN_USERNAME = "admin"

log = structlog.get_logger(__name__)


class InvalidCredentials(NotAuthenticated):
    code = "INVALID_CREDENTIALS"


class WrongPassword(InvalidInput):
    """The current password, asked for once more, was not the right one."""

    code = "WRONG_PASSWORD"


@dataclass(frozen=True)
class Gate:
    """What sign-in checks with.

    Args:
        upstream: Buybuddy's own sign-in; None when it is not turned on.
        upstream_role: what somebody who comes from there may do at first.
        sealer: keeps the token that Buybuddy answers with.
    """

    db: Database
    passwords: Passwords
    sealer: Sealer = field(repr=False)
    upstream: BuybuddySignIn | None
    upstream_role: Role
    session_hours: float


@dataclass(frozen=True)
class Attempt:
    """Somebody at the gate; `old_cookie` is the session's that this browser had, which a new one replaces."""

    username: str
    password: str = field(repr=False)
    address: str
    user_agent: str | None = None
    old_cookie: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class SignedIn:
    """A fresh sign-in; both secrets are known to nobody else and stored only as hashes."""

    user: User
    cookie: str = field(repr=False)
    bearer: str = field(repr=False)


async def sign_in(gate: Gate, attempt: Attempt) -> SignedIn:
    """Check a password, here or at Buybuddy, and open a session.

    Raises: LoginThrottled, InvalidCredentials, UpstreamUnavailable.
    """
    source = _throttle_subject("address", attempt.address)
    async with gate.db.transaction() as session:
        user = await repository.find_user_by_name(session, attempt.username)
        # By username or by email, it is one account: neither gives guesses of its own, a reset lifts both.
        account = _throttle_subject("account", (user.username if user else attempt.username.strip()).lower())
        # Counted as failed before the password is looked at, so that attempts at the same moment count too; and
        # before anything is forwarded, so that nobody guesses at Buybuddy's door through ours.
        await _count_failure(session, account, source)
    try:
        token = await _check(gate, attempt, user)
    except InvalidCredentials:  # the name that was typed is not logged: now and then it is a password
        log.warning("sign_in.refused", address=attempt.address, user_id=str(user.id) if user is not None else None)
        raise
    except BuybuddyError:  # no verdict: it does not count against the account
        async with gate.db.transaction() as session:
            await repository.forgive_failure(session, account)
        raise
    return await _open_session(gate, attempt, user, token, (account, source))


async def _check(gate: Gate, attempt: Attempt, user: User | None) -> str | None:
    """Return Buybuddy's token for a right password there, None for a right one here. Raises: InvalidCredentials."""
    is_theirs = gate.upstream is not None and (
        user is None or (user.upstream == "buybuddy" and user.disabled_at is None)
    )
    if is_theirs and gate.upstream is not None:
        # By the name that they were taken in with: what is typed may be somebody else's name there, in another case,
        # or an email that was given to this user here.
        name = user.username if user is not None else attempt.username.strip()
        token = await gate.upstream.sign_in(name, attempt.password)
        if token is not None:
            return token.get_secret_value()
    else:
        is_right = await gate.passwords.matches(attempt.password, user.password_hash if user else None)
        if is_right and user is not None and user.upstream == "local" and user.disabled_at is None:
            return None
    raise InvalidCredentials("The user name or the password is wrong.")


async def _open_session(
    gate: Gate, attempt: Attempt, user: User | None, token: str | None, counted: tuple[bytes, bytes]
) -> SignedIn:
    cookie, bearer = new_secret(), new_secret()
    session_id = new_id()
    async with gate.db.transaction() as session:
        user = user or await _take_in(session, gate, attempt.username.strip())
        if not await repository.lock_unchanged(session, user):  # disabled, or another password, since it was read
            raise InvalidCredentials("The user name or the password is wrong.")
        await repository.forget_failures(session, counted[0])
        await repository.forgive_failure(session, counted[1])
        if attempt.old_cookie:
            await repository.remove_session_of_cookie(session, hash_secret(attempt.old_cookie))
        login = LoginSession(
            id=session_id,
            user_id=user.id,
            cookie_hash=hash_secret(cookie),
            bearer_hash=hash_secret(bearer),
            address=attempt.address,
            user_agent=attempt.user_agent,
            upstream_token=gate.sealer.seal(token, session_id.bytes) if token is not None else None,
        )
        await repository.add_session(session, login, gate.session_hours)
        subject = Subject("user", user.id, user.username)
        record_audit(
            session, Actor(user.id, user.username), "user.sign_in", subject, after={"address": attempt.address}
        )
    return SignedIn(user, cookie, bearer)


async def _take_in(session: Session, gate: Gate, username: str) -> User:
    """Add somebody whom Buybuddy knows, at their first sign-in; two at once make one user."""
    is_new = await repository.add_upstream_user(
        session, username, username if "@" in username else None, gate.upstream_role
    )
    user = await repository.find_user_by_name(session, username)
    if user is None or user.upstream != "buybuddy":  # a local user of that name was added meanwhile
        raise InvalidCredentials("The user name or the password is wrong.")
    if is_new:
        subject = Subject("user", user.id, user.username)
        made = {"username": user.username, "email": user.email, "role": user.role, "upstream": user.upstream}
        record_audit(session, Actor.platform(), "user.create", subject, after=dict(made))
        emit_account(session, user.id, "created")
    return user


async def upstream_token(session: Session, sealer: Sealer, session_id: uuid.UUID) -> str | None:
    """Return the Buybuddy token of a session; None when there is none that opens, so that a person signs in again."""
    sealed = await repository.find_sealed_token(session, session_id)
    return None if sealed is None else sealer.open(sealed, session_id.bytes)


async def sign_out(session: Session, user_id: uuid.UUID, session_id: uuid.UUID, actor: Actor) -> None:
    if await repository.remove_session(session, user_id, session_id):
        record_audit(session, actor, "user.sign_out", Subject("user", user_id, actor.name))
        emit_account(session, user_id)


async def change_password(gate: Gate, username: str, session_id: uuid.UUID, current: str, new: str) -> None:
    """Give oneself a new password and end one's other sessions.

    Raises: LoginThrottled, WrongPassword, InvalidInput for somebody whose password is kept by Buybuddy.
    """
    account = _throttle_subject("account", username.lower())
    async with gate.db.transaction() as session:
        user = await repository.find_user_by_name(session, username)
        if user is None or user.upstream != "local":
            raise InvalidInput("Your password is kept by Buybuddy; change it there.")
        await _count_failure(session, account)
    if not await gate.passwords.matches(current, user.password_hash):
        raise WrongPassword("The current password is wrong.")
    new_hash = await gate.passwords.hash(new)
    async with gate.db.transaction() as session:
        locked = await user_repository.lock_user(session, user.id)
        if locked is None or locked.password_hash != user.password_hash:
            raise WrongPassword("The password was changed meanwhile.")
        locked.password_hash = new_hash
        await repository.forget_failures(session, account)
        await repository.remove_sessions_of(session, user.id, but=session_id)
        subject = Subject("user", user.id, user.username)
        record_audit(session, Actor(user.id, user.username), "user.change_password", subject)
        emit_account(session, user.id)


async def create_admin(session: Session, passwords: Passwords) -> str | None:
    """Create the first user and return its generated password; None when there already are users."""
    if await repository.count_users(session) > 0:
        return None
    password = new_password()
    admin = User(id=new_id(), username=ADMIN_USERNAME, password_hash=await passwords.hash(password), role="admin")
    session.add(admin)
    made: dict[str, object] = {"username": ADMIN_USERNAME, "email": None, "role": "admin"}
    record_audit(session, Actor.platform(), "user.create", Subject("user", admin.id, ADMIN_USERNAME), after=made)
    return password


async def replace_cli_key(session: Session) -> str:
    """Give this machine's command line a fresh key; the one before stops working. Raises: NotFound."""
    admin = await repository.find_console_admin(session, ADMIN_USERNAME)
    if admin is None:
        raise NotFound("There is no admin to act for.")
    return await create_console_key(session, admin.id)


async def forget_failures_of(session: Session, username: str) -> None:
    """Let a user try at once again."""
    await repository.forget_failures(session, _throttle_subject("account", username.lower()))


async def _count_failure(session: Session, account: bytes, source: bytes | None = None) -> None:
    """Raises: LoginThrottled when it is too early for another attempt."""
    subjects = [account] if source is None else [account, source]
    await _refuse_blocked(session, subjects)
    n_of_account = await repository.add_failure(session, account)
    n_of_source = await repository.add_failure(session, source) if source is not None else 0
    # Once more: those who came at the same moment have waited for each other at the rows just written.
    await _refuse_blocked(session, subjects)
    await repository.block(session, account, block_s("account", n_of_account))
    if source is not None:
        await repository.block(session, source, block_s("address", n_of_source))


async def _refuse_blocked(session: Session, subjects: Sequence[bytes]) -> None:
    wait_s = await repository.blocked_for_s(session, subjects)
    if wait_s > 0:
        raise LoginThrottled(
            f"Too many failed sign-ins; try again in {wait_s:.0f} s.", retry_after_s=max(1, round(wait_s))
        )


def _throttle_subject(kind: str, value: str) -> bytes:
    return hashlib.sha256(f"{kind}:{value}".encode()).digest()
