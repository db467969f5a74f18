"""Who is where. Pages are told when the people at a place change, not of every heartbeat."""

import uuid
from typing import Literal

from buybuddy.domain.collaboration.presence import repository
from buybuddy.domain.collaboration.presence.moves import MoveLimit
from buybuddy.domain.collaboration.rules import Holder, Place
from buybuddy.infra.db import Session, emit

_limit = MoveLimit()


async def be_at(session: Session, holder: Holder, place: Place) -> None:
    """Note that a tab is at a place. Raises: NotAuthenticated when its session has ended meanwhile, TooManyMoves."""
    if await repository.beat(session, holder, place):
        return
    before = await repository.lock_places(session, holder.user_id)
    after = before | {holder.tab_id: place}
    if set(after.values()) != set(before.values()):
        _limit.count(holder.user_id)
    await repository.arrive(session, holder, place)
    _tell_difference(session, holder, before, after)


async def leave(session: Session, holder: Holder) -> None:
    """Note that a tab has been closed."""
    before = await repository.lock_places(session, holder.user_id)
    await repository.leave(session, holder)
    after = {tab_id: place for tab_id, place in before.items() if tab_id != holder.tab_id}
    _tell_difference(session, holder, before, after)


async def remove_gone(session: Session) -> None:
    """Forget tabs that went without a word and tell who is left; called by the worker's sweep."""
    for user_id, username in await repository.list_users_gone(session):
        left = await repository.lock_places(session, user_id)
        for place in await repository.remove_gone(session, user_id) - set(left.values()):
            _tell(session, user_id, username, place, "left")


def _tell_difference(session: Session, holder: Holder, before: dict[str, Place], after: dict[str, Place]) -> None:
    """Tell of the places that a user, whatever the tab, is no longer or newly at."""
    for place in set(before.values()) - set(after.values()):
        _tell(session, holder.user_id, holder.username, place, "left")
    for place in set(after.values()) - set(before.values()):
        _tell(session, holder.user_id, holder.username, place, "joined")


def _tell(session: Session, user_id: uuid.UUID, username: str, place: Place, change: Literal["joined", "left"]) -> None:
    payload: dict[str, object] = {
        "id": None if place.resource_id is None else str(place.resource_id),
        "page": place.page,
        "resource_type": place.resource_type,
        "change": change,
        "user": {"id": str(user_id), "username": username},
    }
    emit(session, "presence", payload)
