"""Users and their roles, as admins manage them."""

import uuid
from dataclasses import dataclass, field

from sqlalchemy.exc import IntegrityError

from buybuddy.domain.accounts import repository
from buybuddy.domain.accounts.key_service import emit_account
from buybuddy.domain.accounts.passwords import Passwords
from buybuddy.domain.accounts.rules import new_password
from buybuddy.domain.accounts.schemas import UserEdit, UserIn, UserOut
from buybuddy.domain.accounts.service import forget_failures_of
from buybuddy.domain.accounts.tables import User
from buybuddy.domain.accounts.users import repository as user_repository
from buybuddy.errors import Conflict, InvalidInput, NotFound
from buybuddy.infra.db import Actor, Session, Subject, new_id, record_audit


class StaleVersion(Conflict):
    """An edit of a user who is no longer as they were read; nothing was written."""


class NameTaken(Conflict):
    """Somebody else signs in by this name or email."""

    code = "NAME_TAKEN"


class LastAdmin(Conflict):
    """Nobody would be left to manage users."""

    code = "LAST_ADMIN"


@dataclass(frozen=True)
class NewUser:
    """A user with the password that was generated; None when it was given."""

    user: User
    password: str | None = field(repr=False)


async def get_user(session: Session, user_id: uuid.UUID) -> User:
    """Raises: NotFound."""
    user = await user_repository.find_user(session, user_id)
    if user is None:
        raise NotFound("There is no such user.")
    return user


async def create_user(session: Session, passwords: Passwords, new: UserIn, actor: Actor) -> NewUser:
    """Add a user with a password of our own. Raises: NameTaken."""
    password = None if new.password is not None else new_password()
    given = new.password.get_secret_value() if new.password is not None else password or ""
    password_hash = await passwords.hash(given)  # before the first query, so that no connection waits for it
    for name in filter(None, (new.username, new.email)):
        if await user_repository.is_name_taken(session, name):
            raise NameTaken(f"Somebody signs in as {name} already.")
    user = User(
        id=new_id(),
        username=new.username,
        email=new.email,
        role=new.role,
        password_hash=password_hash,
        upstream="local",
    )
    session.add(user)
    try:
        await session.flush()
    except IntegrityError:  # somebody has taken it since it was looked for
        raise NameTaken(f"Somebody signs in as {new.username}, or by this email, already.") from None
    await session.refresh(user)
    after: dict[str, object] = {"username": user.username, "email": user.email, "role": user.role}
    record_audit(session, actor, "user.create", _subject(user), after=after)
    emit_account(session, user.id, "created")
    return NewUser(user, password)


async def edit_user(session: Session, user_id: uuid.UUID, edit: UserEdit, version: int, actor: Actor) -> User:
    """Change a user who is still at the version that was read; disabling ends their sessions and keys at once.

    Raises: NotFound, StaleVersion, NameTaken, LastAdmin.
    """
    admins = await user_repository.lock_enabled_admins(session)
    user = await user_repository.lock_user(session, user_id)
    if user is None:
        raise NotFound("There is no such user.")
    if user.version != version:
        raise StaleVersion(
            "Somebody else has changed this user since you opened it.",
            current_version=user.version,
            current=UserOut.from_row(user).model_dump(mode="json"),
            changed_by=await user_repository.find_last_editor(session, user.id),
            changed_at=user.updated_at.isoformat(),
        )
    changes = _changes(user, edit)
    if not changes:
        return user
    email = changes.get("email")
    if isinstance(email, str) and await user_repository.is_name_taken(session, email, but=user.id):
        raise NameTaken(f"Somebody signs in as {email} already.")
    is_leaving = changes.get("role", "admin") != "admin" or changes.get("is_disabled") is True
    if is_leaving and admins == {user.id}:
        raise LastAdmin("This is the last admin who can sign in; make somebody else one first.")
    before: dict[str, object] = {name: _value(user, name) for name in changes}
    _apply(user, changes)
    if changes.get("is_disabled") is True:
        await _end_access(session, user.id)
    await session.flush()
    await session.refresh(user)
    record_audit(session, actor, "user.edit", _subject(user), before=before, after=changes)
    emit_account(session, user.id)
    return user


async def reset_password(session: Session, passwords: Passwords, username: str, actor: Actor) -> str:
    """Give a user a new generated password, end their sessions and return it; their keys go on working.

    Raises: NotFound, InvalidInput for somebody whose password is kept by Buybuddy.
    """
    password = new_password()
    password_hash = await passwords.hash(password)
    found = await repository.find_user_by_name(session, username)
    user = await user_repository.lock_user(session, found.id) if found else None
    if user is None:
        raise NotFound(f"There is no user {username}.")
    if user.upstream != "local":
        raise InvalidInput(f"{user.username} signs in with Buybuddy, which keeps the password.")
    user.password_hash = password_hash
    await repository.remove_sessions_of(session, user.id)
    await forget_failures_of(session, user.username)
    record_audit(session, actor, "user.reset_password", _subject(user))
    emit_account(session, user.id)
    return password


async def end_session(session: Session, user: User, session_id: uuid.UUID, actor: Actor) -> None:
    """End one session of a user. Raises: NotFound."""
    if not await repository.remove_session(session, user.id, session_id):
        raise NotFound("There is no such session.")
    record_audit(session, actor, "session.revoke", Subject("session", session_id, user.username))
    emit_account(session, user.id)


async def end_sessions(session: Session, user: User, actor: Actor, *, but: uuid.UUID | None = None) -> int:
    """End a user's sessions, all or all but one, and return how many there were."""
    n_ended = await repository.remove_sessions_of(session, user.id, but=but)
    record_audit(session, actor, "user.end_sessions", _subject(user), after={"n_ended": n_ended})
    emit_account(session, user.id)
    return n_ended


async def revoke_api_keys(session: Session, user: User, actor: Actor) -> int:
    """Revoke every key of a user and return how many there were; what they opened ends at once."""
    n_revoked = await repository.remove_api_keys_of(session, user.id)
    record_audit(session, actor, "user.revoke_api_keys", _subject(user), after={"n_revoked": n_revoked})
    emit_account(session, user.id)
    return n_revoked


async def _end_access(session: Session, user_id: uuid.UUID) -> None:
    await repository.remove_sessions_of(session, user_id)
    await repository.remove_api_keys_of(session, user_id)


def _changes(user: User, edit: UserEdit) -> dict[str, object]:
    wanted = edit.model_dump(include=edit.model_fields_set - {"version"})
    return {name: value for name, value in wanted.items() if value != _value(user, name)}


def _value(user: User, name: str) -> object:
    return user.disabled_at is not None if name == "is_disabled" else getattr(user, name)


def _apply(user: User, changes: dict[str, object]) -> None:
    for name, value in changes.items():
        if name == "is_disabled":
            user.disabled_at = repository.NOW if value else None  # by the database's clock
        else:
            setattr(user, name, value)


def _subject(user: User) -> Subject:
    return Subject("user", user.id, user.username)
