"""Every query about exclusive locks."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from buybuddy.domain.collaboration.rules import LOCKED_FOR_S, Holder
from buybuddy.errors import NotAuthenticated
from buybuddy.infra.db import Session

# Whoever acquires takes the gate alone, whoever edits takes it with other editors (HOLD), each until its commit: so
# nobody acquires between an edit's look at the lock and its commit. Tokens are drawn inside the gate, so they grow.
_GATE = "hashtextextended(:resource_type || '/' || CAST(:resource_id AS text), 0)"
_HELD_BY_SOMEBODY = "coalesce(l.session_id, l.key_id) IS NOT NULL"
_MINE = """
    l.user_id = CAST(:user_id AS uuid) AND l.session_id IS NOT DISTINCT FROM CAST(:session_id AS uuid)
    AND l.key_id IS NOT DISTINCT FROM CAST(:key_id AS uuid) AND l.tab_id = :tab_id
"""
_THIS = "l.resource_type = :resource_type AND l.resource_id = CAST(:resource_id AS uuid)"
_STILL_MINE = f"{_HELD_BY_SOMEBODY} AND {_MINE} AND l.expires_at > EXCLUDED.acquired_at"

# Whoever sees that somebody else holds the lock need not wait at the gate to hear it again.
_IS_TAKEN = f"""
    EXISTS (SELECT FROM resource_locks l WHERE {_THIS} AND {_HELD_BY_SOMEBODY} AND NOT ({_MINE})
            AND l.expires_at > clock_timestamp())
"""

ACQUIRE = text(f"""
    WITH gate AS MATERIALIZED (SELECT pg_advisory_xact_lock({_GATE}) WHERE NOT {_IS_TAKEN}),
    drawn AS MATERIALIZED (SELECT nextval('resource_lock_tokens') AS token, clock_timestamp() AS at FROM gate)
    INSERT INTO resource_locks AS l
        (resource_type, resource_id, user_id, session_id, key_id, tab_id, token, acquired_at, expires_at)
    SELECT :resource_type, CAST(:resource_id AS uuid), CAST(:user_id AS uuid), CAST(:session_id AS uuid),
           CAST(:key_id AS uuid), :tab_id, token, at, at + interval '{LOCKED_FOR_S} seconds' FROM drawn
    ON CONFLICT (resource_type, resource_id) DO UPDATE SET
        token = CASE WHEN {_STILL_MINE} THEN l.token ELSE EXCLUDED.token END,
        acquired_at = CASE WHEN {_STILL_MINE} THEN l.acquired_at ELSE EXCLUDED.acquired_at END,
        user_id = EXCLUDED.user_id, session_id = EXCLUDED.session_id, key_id = EXCLUDED.key_id,
        tab_id = EXCLUDED.tab_id, expires_at = EXCLUDED.expires_at
    WHERE l.expires_at <= EXCLUDED.acquired_at OR NOT ({_HELD_BY_SOMEBODY}) OR ({_MINE})
    RETURNING token, acquired_at, expires_at,
              expires_at = acquired_at + interval '{LOCKED_FOR_S} seconds' AS is_new
""")
HOLD = text(f"SELECT pg_advisory_xact_lock_shared({_GATE})")
FIND = text(f"""
    SELECT l.user_id, u.username, l.session_id, l.key_id, l.tab_id, l.token, l.acquired_at, l.expires_at,
           CAST(extract(epoch FROM l.expires_at - clock_timestamp()) AS float8) AS expires_in_s
    FROM resource_locks l JOIN users u ON u.id = l.user_id
    WHERE {_THIS} AND l.expires_at > clock_timestamp() AND {_HELD_BY_SOMEBODY}
""")
RELEASE = text(f"""
    DELETE FROM resource_locks l WHERE {_THIS} AND {_MINE}
    RETURNING l.expires_at > clock_timestamp() AS was_live
""")
BREAK = text(f"""
    DELETE FROM resource_locks l USING users u WHERE {_THIS} AND u.id = l.user_id
    AND l.expires_at > clock_timestamp() AND {_HELD_BY_SOMEBODY} RETURNING l.user_id, u.username
""")
HELD_BY_OTHERS = text(f"""
    SELECT l.resource_id, u.username FROM resource_locks l JOIN users u ON u.id = l.user_id
    WHERE l.resource_type = :resource_type AND l.resource_id = ANY(CAST(:resource_ids AS uuid[]))
      AND l.expires_at > clock_timestamp() AND {_HELD_BY_SOMEBODY} AND l.user_id IS DISTINCT FROM CAST(:user_id AS uuid)
""")
REMOVE_ENDED = text(f"""
    DELETE FROM resource_locks l WHERE l.expires_at <= clock_timestamp() OR NOT ({_HELD_BY_SOMEBODY})
    RETURNING l.resource_type, l.resource_id
""")


@dataclass(frozen=True)
class Lock:
    """A lock as it is now; `expires_in_s` by the database's clock."""

    resource_type: str
    resource_id: uuid.UUID
    holder: Holder
    token: int
    acquired_at: dt.datetime
    expires_at: dt.datetime
    expires_in_s: float


@dataclass(frozen=True)
class Acquired:
    """A lock that was got; `is_new` unless it was one's own already."""

    lock: Lock
    is_new: bool


async def acquire(session: Session, resource_type: str, resource_id: uuid.UUID, holder: Holder) -> Acquired | None:
    """Take the lock or make it last again, in one statement; None when somebody else holds it.

    Raises: NotAuthenticated when the session or key has ended meanwhile.
    """
    try:
        row = (await session.execute(ACQUIRE, _values(resource_type, resource_id, holder))).one_or_none()
    except IntegrityError as error:
        raise NotAuthenticated("The session has ended; sign in again.") from error
    if row is None:
        return None
    token, acquired_at, expires_at, is_new = row
    lock = Lock(resource_type, resource_id, holder, token, acquired_at, expires_at, float(LOCKED_FOR_S))
    return Acquired(lock, is_new)


async def hold(session: Session, resource_type: str, resource_id: uuid.UUID) -> None:
    """Have nobody acquire a lock until this transaction has ended."""
    await session.execute(HOLD, {"resource_type": resource_type, "resource_id": str(resource_id)})


async def find_lock(session: Session, resource_type: str, resource_id: uuid.UUID) -> Lock | None:
    """Find a lock that is held now."""
    values = {"resource_type": resource_type, "resource_id": str(resource_id)}
    row = (await session.execute(FIND, values)).one_or_none()
    if row is None:
        return None
    user_id, username, session_id, key_id, tab_id, token, acquired_at, expires_at, expires_in_s = row
    holder = Holder(user_id, username, session_id, key_id, tab_id)
    return Lock(resource_type, resource_id, holder, token, acquired_at, expires_at, max(0.0, expires_in_s))


async def find_held_by_others(
    session: Session, resource_type: str, resource_ids: Sequence[uuid.UUID], user_id: uuid.UUID | None
) -> dict[uuid.UUID, str]:
    """Return which of the resources somebody else holds now, and who."""
    values = {"resource_type": resource_type, "resource_ids": list(resource_ids), "user_id": user_id}
    return {row.resource_id: row.username for row in await session.execute(HELD_BY_OTHERS, values)}


async def release(session: Session, resource_type: str, resource_id: uuid.UUID, holder: Holder) -> bool:
    """Give one's own lock back; False when it was not, or no longer, one's own."""
    row = (await session.execute(RELEASE, _values(resource_type, resource_id, holder))).one_or_none()
    return row is not None and bool(row.was_live)


async def take_away(session: Session, resource_type: str, resource_id: uuid.UUID) -> tuple[uuid.UUID, str] | None:
    """Remove a lock whoever holds it, and return id and name of whose it was."""
    values = {"resource_type": resource_type, "resource_id": str(resource_id)}
    row = (await session.execute(BREAK, values)).one_or_none()
    return None if row is None else (row.user_id, row.username)


async def remove_ended(session: Session) -> list[tuple[str, uuid.UUID]]:
    """Remove locks that have lapsed, or whose session or key has ended, and return what they locked."""
    return [(row.resource_type, row.resource_id) for row in await session.execute(REMOVE_ENDED)]


def _values(resource_type: str, resource_id: uuid.UUID, holder: Holder) -> dict[str, object]:
    return {
        "resource_type": resource_type,
        "resource_id": str(resource_id),
        "user_id": holder.user_id,
        "session_id": holder.session_id,
        "key_id": holder.key_id,
        "tab_id": holder.tab_id,
    }
