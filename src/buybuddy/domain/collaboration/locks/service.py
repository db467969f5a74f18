"""Exclusive locks: one tab edits, the others see who."""

import uuid

from buybuddy.domain.collaboration.locks import repository as lock_repository
from buybuddy.domain.collaboration.locks.repository import Acquired, Lock
from buybuddy.domain.collaboration.notifications.service import notify
from buybuddy.domain.collaboration.rules import Holder, ResourceType
from buybuddy.errors import Conflict, ResourceLocked
from buybuddy.infra.db import Actor, Session, Subject, emit, record_audit

ACQUIRE_TRIES = 3


class LockLost(Conflict):
    """An edit carried the token of a lock that has ended; nothing was written."""

    code = "LOCK_LOST"


async def acquire(
    session: Session, resource_type: ResourceType, resource_id: uuid.UUID, holder: Holder
) -> Acquired | Lock:
    """Take a lock for 5 minutes, or make one's own last so long again; else return the lock that is in the way.

    Raises: NotAuthenticated when the session has ended meanwhile, ResourceLocked while several give it back and forth.
    """
    for _ in range(ACQUIRE_TRIES):
        acquired = await lock_repository.acquire(session, resource_type, resource_id, holder)
        if acquired is not None:
            if acquired.is_new:
                _tell(session, resource_type, resource_id, "acquired", holder.user_id, holder.username)
            return acquired
        lock = await lock_repository.find_lock(session, resource_type, resource_id)
        if lock is not None:
            return lock
    raise ResourceLocked("Several people want this at the moment; try again.")


async def release(session: Session, resource_type: ResourceType, resource_id: uuid.UUID, holder: Holder) -> None:
    """Give one's own lock back; a lock of somebody else stays as it is."""
    if await lock_repository.release(session, resource_type, resource_id, holder):
        _tell(session, resource_type, resource_id, "released", holder.user_id, holder.username)


async def break_lock(session: Session, resource_type: ResourceType, resource_id: uuid.UUID, actor: Actor) -> None:
    """Take somebody's lock away and tell them; what they save with it is refused from now on."""
    row = await lock_repository.take_away(session, resource_type, resource_id)
    if row is None:
        return
    user_id, username = row
    subject = Subject(resource_type, resource_id, f"{resource_type} {resource_id}")
    record_audit(session, actor, "lock.break", subject, before={"holder": username})
    _tell(session, resource_type, resource_id, "broken", user_id, username)
    if user_id != actor.id:
        await notify(session, user_id, "lock.broken", subject, {"by": actor.name})


async def check_lock(
    session: Session, resource_type: ResourceType, resource_id: uuid.UUID, actor: Actor, token: int | None
) -> None:
    """Refuse an edit of what somebody else has locked, or with a token that has been replaced.

    Call it first in the transaction of the edit, before its row is locked: nobody acquires the lock until that
    transaction has ended. Without a token one's own lock, in any tab, is no obstacle: the row's version guards that.

    Args:
        token: the fencing token that the edit was made under; None when it was made without a lock.
    Raises: ResourceLocked with the lock, LockLost.
    """
    await lock_repository.hold(session, resource_type, resource_id)
    lock = await lock_repository.find_lock(session, resource_type, resource_id)
    if lock is not None and lock.holder.user_id != actor.id:
        raise ResourceLocked(
            f"{lock.holder.username} is working on this; try again in {lock.expires_in_s:.0f} s, or ask them.",
            lock=describe_lock(lock),
        )
    if token is not None and (lock is None or lock.token != token):
        raise LockLost("Your lock on this has ended; take it again and look at what has changed.")


def describe_lock(lock: Lock) -> dict[str, object]:
    """Return a lock as others see it, for a problem document."""
    return {
        "resource_type": lock.resource_type,
        "resource_id": str(lock.resource_id),
        "user": {"id": str(lock.holder.user_id), "username": lock.holder.username},
        "acquired_at": lock.acquired_at.isoformat(),
        "expires_at": lock.expires_at.isoformat(),
        "expires_in_s": round(lock.expires_in_s, 1),
        "is_mine": False,
        "token": None,
    }


async def remove_ended(session: Session) -> None:
    """Forget locks that have ended by themselves and tell whoever waits for them; called by the worker's sweep."""
    for resource_type, resource_id in await lock_repository.remove_ended(session):
        _tell(session, resource_type, resource_id, "expired", None, None)


def _tell(
    session: Session,
    resource_type: str,
    resource_id: uuid.UUID,
    change: str,
    user_id: uuid.UUID | None,
    username: str | None,
) -> None:
    user = None if user_id is None else {"id": str(user_id), "username": username}
    payload = {"id": str(resource_id), "resource_type": resource_type, "change": change, "user": user}
    emit(session, "lock", dict(payload))
