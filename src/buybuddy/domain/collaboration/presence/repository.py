"""Every query about who is where."""

import datetime as dt
import uuid
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from buybuddy.domain.collaboration.rules import MOST_SHOWN, MOST_TABS, SEEN_WITHIN_S, Holder, Place
from buybuddy.errors import NotAuthenticated
from buybuddy.infra.db import Session

_LIVE = f"""
    p.last_seen_at > clock_timestamp() - interval '{SEEN_WITHIN_S} seconds'
    AND coalesce(p.session_id, p.key_id) IS NOT NULL
"""
_HERE = """
    p.page = :page AND p.resource_type IS NOT DISTINCT FROM CAST(:resource_type AS text)
    AND p.resource_id IS NOT DISTINCT FROM CAST(:resource_id AS uuid)
"""
_TAB = "p.user_id = CAST(:user_id AS uuid) AND p.tab_id = :tab_id"

BEAT = text(f"""
    UPDATE user_presence p SET last_seen_at = clock_timestamp() WHERE {_TAB} AND {_HERE} AND {_LIVE}
    AND p.session_id IS NOT DISTINCT FROM CAST(:session_id AS uuid)
    AND p.key_id IS NOT DISTINCT FROM CAST(:key_id AS uuid) RETURNING p.tab_id
""")
LOCK_USER = text("SELECT pg_advisory_xact_lock(hashtextextended('presence/' || CAST(:user_id AS text), 0))")
PLACES = text(f"""
    SELECT p.tab_id, p.page, p.resource_type, p.resource_id FROM user_presence p
    WHERE p.user_id = CAST(:user_id AS uuid) AND {_LIVE} FOR UPDATE
""")
ARRIVE = text("""
    INSERT INTO user_presence
        (user_id, tab_id, session_id, key_id, page, resource_type, resource_id, arrived_at, last_seen_at)
    VALUES (CAST(:user_id AS uuid), :tab_id, CAST(:session_id AS uuid), CAST(:key_id AS uuid), :page,
        CAST(:resource_type AS text), CAST(:resource_id AS uuid), clock_timestamp(), clock_timestamp())
    ON CONFLICT (user_id, tab_id) DO UPDATE SET session_id = EXCLUDED.session_id, key_id = EXCLUDED.key_id,
        page = EXCLUDED.page, resource_type = EXCLUDED.resource_type, resource_id = EXCLUDED.resource_id,
        arrived_at = EXCLUDED.arrived_at, last_seen_at = EXCLUDED.last_seen_at
""")
LEAVE = text(f"DELETE FROM user_presence p WHERE {_TAB}")
REMOVE_SURPLUS = text(f"""
    DELETE FROM user_presence WHERE user_id = CAST(:user_id AS uuid) AND tab_id IN (
        SELECT tab_id FROM user_presence WHERE user_id = CAST(:user_id AS uuid)
        ORDER BY last_seen_at DESC, tab_id OFFSET {MOST_TABS})
""")
_PEOPLE = """
    SELECT u.id, u.username, p.page, p.resource_type, p.resource_id, min(p.arrived_at) AS since,
        CAST(extract(epoch FROM clock_timestamp() - max(p.last_seen_at)) AS float8) AS seen_s_ago
    FROM user_presence p JOIN users u ON u.id = p.user_id
    WHERE {where} GROUP BY u.id, u.username, p.page, p.resource_type, p.resource_id
    ORDER BY min(p.arrived_at), u.id LIMIT {limit}
"""
_BY_RESOURCE = "p.resource_type = CAST(:resource_type AS text) AND p.resource_id = CAST(:resource_id AS uuid)"
ANYWHERE = text(_PEOPLE.format(where=_LIVE, limit=MOST_SHOWN))
ON_PAGE = text(_PEOPLE.format(where=f"p.page = :page AND {_LIVE}", limit=MOST_SHOWN))
AT_RESOURCE = text(_PEOPLE.format(where=f"{_BY_RESOURCE} AND {_LIVE}", limit=MOST_SHOWN))
ON_PAGE_AT_RESOURCE = text(_PEOPLE.format(where=f"p.page = :page AND {_BY_RESOURCE} AND {_LIVE}", limit=MOST_SHOWN))
USERS_GONE = text(f"""
    SELECT DISTINCT p.user_id, u.username FROM user_presence p JOIN users u ON u.id = p.user_id
    WHERE NOT ({_LIVE}) ORDER BY p.user_id LIMIT 500
""")
REMOVE_GONE = text(f"""
    DELETE FROM user_presence p WHERE p.user_id = CAST(:user_id AS uuid) AND NOT ({_LIVE})
    RETURNING p.page, p.resource_type, p.resource_id
""")


@dataclass(frozen=True)
class Person:
    """Somebody at a place; `seen_s_ago` by the database's clock."""

    user_id: uuid.UUID
    username: str
    place: Place
    since: dt.datetime
    seen_s_ago: float


async def beat(session: Session, holder: Holder, place: Place) -> bool:
    """Note that a tab is where it was; False when it was not there, or not lately."""
    return (await session.execute(BEAT, _values(holder, place))).first() is not None


async def lock_places(session: Session, user_id: uuid.UUID) -> dict[str, Place]:
    """Return where each live tab of a user is; no other tab of theirs moves until this transaction ends."""
    await session.execute(LOCK_USER, {"user_id": str(user_id)})
    rows = await session.execute(PLACES, {"user_id": user_id})
    return {tab_id: Place(page, kind, resource_id) for tab_id, page, kind, resource_id in rows}


async def arrive(session: Session, holder: Holder, place: Place) -> None:
    """Write where a tab is now. Raises: NotAuthenticated when its session or key has ended meanwhile."""
    try:
        await session.execute(ARRIVE, _values(holder, place))
    except IntegrityError as error:
        raise NotAuthenticated("The session has ended; sign in again.") from error
    await session.execute(REMOVE_SURPLUS, {"user_id": holder.user_id})


async def leave(session: Session, holder: Holder) -> None:
    await session.execute(LEAVE, {"user_id": holder.user_id, "tab_id": holder.tab_id})


async def list_people(
    session: Session, page: str | None, resource_type: str | None, resource_id: uuid.UUID | None
) -> list[Person]:
    """List who was seen lately on a page, at a resource, or anywhere; longest there first, each person once a place."""
    by_page = page is not None
    if resource_id is not None:
        statement = ON_PAGE_AT_RESOURCE if by_page else AT_RESOURCE
    else:
        statement = ON_PAGE if by_page else ANYWHERE
    wanted = {"page": page, "resource_type": resource_type, "resource_id": resource_id}
    values = {name: value for name, value in wanted.items() if f":{name}" in statement.text}
    rows = await session.execute(statement, values)
    return [
        Person(user_id, username, Place(on_page, kind, an_id), since, seen_s_ago)
        for user_id, username, on_page, kind, an_id, since, seen_s_ago in rows
    ]


async def list_users_gone(session: Session) -> list[tuple[uuid.UUID, str]]:
    """List users with a tab that was not seen lately, or whose session has ended."""
    return [(user_id, username) for user_id, username in await session.execute(USERS_GONE)]


async def remove_gone(session: Session, user_id: uuid.UUID) -> set[Place]:
    """Remove such tabs of a user and return where they were."""
    rows = await session.execute(REMOVE_GONE, {"user_id": user_id})
    return {Place(page, kind, resource_id) for page, kind, resource_id in rows}


def _values(holder: Holder, place: Place) -> dict[str, object]:
    return {
        "user_id": holder.user_id,
        "tab_id": holder.tab_id,
        "session_id": holder.session_id,
        "key_id": holder.key_id,
        "page": place.page,
        "resource_type": place.resource_type,
        "resource_id": place.resource_id,
    }
