"""Keys for programs."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Literal

from buybuddy.domain.accounts import repository
from buybuddy.domain.accounts.rules import API_KEY_PREFIX, MOST_KEYS, Area, Role, allows, hash_secret, new_secret
from buybuddy.domain.accounts.tables import ApiKey
from buybuddy.errors import Conflict, NotAllowed, NotFound
from buybuddy.infra.db import Actor, Session, Subject, emit, new_id, record_audit

CLI_KEY_NAME = "this machine's command line"


class TooManyKeys(Conflict):
    code = "TOO_MANY_KEYS"


async def create_api_key(
    session: Session,
    owner: Actor,
    owner_role: Role,
    *,
    name: str,
    role: Role | None,
    scopes: Sequence[Area] | None,
    lifetime: dt.timedelta | None,
) -> tuple[ApiKey, str]:
    """Add a key, no wider than its owner, and return it with its secret, which is not stored.

    Raises: NotAllowed for a role above the owner's, TooManyKeys.
    """
    role = role or owner_role
    if not allows(owner_role, role):
        raise NotAllowed(f"A key may do at most what its owner may; you are {owner_role}.")
    if owner.id is None or await repository.count_api_keys(session, owner.id) >= MOST_KEYS:
        raise TooManyKeys(f"There are {MOST_KEYS} keys already; revoke one that is not used.")
    key, secret = _new_key(owner.id, name, role, lifetime)
    key.scopes = None if scopes is None else sorted(set(scopes))
    session.add(key)
    await session.flush()
    await session.refresh(key)
    after: dict[str, object] = {"name": name, "role": role, "scopes": key.scopes, "prefix": key.prefix}
    after["expires_at"] = key.expires_at.isoformat() if key.expires_at else None
    record_audit(session, owner, "api_key.create", Subject("api_key", key.id, name), after=after)
    return key, secret


async def create_console_key(session: Session, admin_id: uuid.UUID) -> str:
    """Replace the key of this machine's command line and return its secret."""
    await repository.remove_console_keys(session)
    key, secret = _new_key(admin_id, CLI_KEY_NAME, "admin", None)
    key.is_console = True
    session.add(key)
    after: dict[str, object] = {"name": CLI_KEY_NAME, "role": "admin", "scopes": None, "prefix": key.prefix}
    record_audit(session, Actor.platform(), "api_key.create", Subject("api_key", key.id, CLI_KEY_NAME), after=after)
    return secret


async def remove_api_key(session: Session, user_id: uuid.UUID, key_id: uuid.UUID, actor: Actor) -> None:
    """Revoke a user's key; it stops working at once. Raises: NotFound."""
    name = await repository.remove_api_key(session, user_id, key_id)
    if name is None:
        raise NotFound("There is no such key.")
    record_audit(session, actor, "api_key.revoke", Subject("api_key", key_id, name))
    emit_account(session, user_id)


def emit_account(session: Session, user_id: uuid.UUID, change: Literal["created", "updated"] = "updated") -> None:
    """Tell that a user's account has changed; their open event streams then ask again whether they may go on."""
    emit(session, "account", {"id": str(user_id), "change": change})


def _new_key(user_id: uuid.UUID, name: str, role: Role, lifetime: dt.timedelta | None) -> tuple[ApiKey, str]:
    secret = API_KEY_PREFIX + new_secret()
    key = ApiKey(
        id=new_id(),
        user_id=user_id,
        name=name,
        prefix=secret[: len(API_KEY_PREFIX) + 4],
        key_hash=hash_secret(secret),
        role=role,
        expires_at=repository.NOW + lifetime if lifetime else None,  # by the database's clock
    )
    return key, secret
