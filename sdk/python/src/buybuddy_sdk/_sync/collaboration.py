# Generated from _async/collaboration.py by scripts/generate.py, not to be edited.
"""Working together: locks, who is where, and what one should hear of."""

import builtins
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from buybuddy_sdk._page import Ref, id_of, in_path
from buybuddy_sdk._pauses import Repeater
from buybuddy_sdk._sync.pager import Pager
from buybuddy_sdk._sync.transport import Call, Transport
from buybuddy_sdk.errors import BuybuddyError, LockLost, ResourceLocked, Unavailable
from buybuddy_sdk.models import LockAnswer, LockOut, MarkedRead, NotificationOut, PersonHere, UnreadCount

RENEWED_AFTER = 1 / 3  # of the lock's time, so that two renewals may fail


class HeldLock:
    """A lock that renews itself while its `with` block runs and is given back at its end.

    Entering raises ResourceLocked when somebody else has it; `token` goes with edits (`lock_token=`).
    """

    def __init__(self, locks: "Locks", resource_type: str, resource_id: str) -> None:
        self._locks, self._resource_type, self._resource_id = locks, resource_type, resource_id
        self._repeater: Repeater | None = None
        self._lock: LockOut | None = None
        self._is_lost = False

    @property
    def lock(self) -> LockOut:
        """The lock as it was renewed last. Raises: LockLost when it is held no longer."""
        if self._lock is None or self._is_lost:
            raise LockLost(f"The lock on {self._resource_type} {self._resource_id} is not held.")
        return self._lock

    @property
    def token(self) -> int:
        """What edits under this lock name. Raises: LockLost."""
        token = self.lock.token
        if token is None:
            raise LockLost("The lock is somebody else's.")
        return token

    def __enter__(self) -> Self:
        self._lock = self._locks.take(self._resource_type, self._resource_id)
        self._repeater = Repeater(self._renew, max(1.0, self._lock.expires_in_s * RENEWED_AFTER))
        self._repeater.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        try:
            if self._repeater is not None:
                self._repeater.stop()
            if not self._is_lost:
                self._locks.release(self._resource_type, self._resource_id)
        except BuybuddyError as failure:
            if error is None:
                raise
            # What went wrong in the block matters more; a lock that is not given back runs out by itself.
            error.add_note(f"The lock was not given back: {failure.detail}")
        finally:
            self._lock = None

    def _renew(self) -> None:
        token = self._lock.token if self._lock is not None else None
        try:
            renewed = self._locks.take(self._resource_type, self._resource_id)
        except Unavailable:
            return  # the next renewal comes before it runs out
        except BuybuddyError:
            self._is_lost = True
            return
        # Another token: it ran out meanwhile, and what was done since was not done under it.
        self._is_lost = self._is_lost or renewed.token != token
        self._lock = renewed


class Locks:
    """`client.locks`; every client is a tab of its own.

    Args:
        tab_id: what the server tells this client's locks from the same person's others by.
    """

    def __init__(self, transport: Transport, tab_id: str) -> None:
        self._transport = transport
        self._headers: Mapping[str, str] = {"Tab-Id": tab_id}

    def acquire(self, resource_type: str, resource: Ref) -> HeldLock:
        """Hold a lock for a block: `with client.locks.acquire("product", id) as held:`."""
        return HeldLock(self, resource_type, id_of(resource))

    def take(self, resource_type: str, resource: Ref) -> LockOut:
        """Take a lock for some minutes, or renew one's own. Raises: ResourceLocked, with who has it."""
        call = Call("POST", _path(resource_type, resource), headers=self._headers, is_repeatable=True)
        answer = self._transport.read(LockAnswer, call)
        if not answer.acquired or answer.lock is None:
            holder = answer.lock.user.username if answer.lock else "somebody else"
            problem = {"lock": answer.lock.model_dump()} if answer.lock else {}
            raise ResourceLocked(f"{holder} has locked this.", code="RESOURCE_LOCKED", problem=problem)
        return answer.lock

    def get(self, resource_type: str, resource: Ref) -> LockOut | None:
        """Return who holds a lock; None for nobody."""
        call = Call("GET", _path(resource_type, resource), headers=self._headers)
        return (self._transport.read(LockAnswer, call)).lock

    def release(self, resource_type: str, resource: Ref) -> None:
        """Give one's own lock back; a lock of somebody else stays."""
        self._transport.remove(_path(resource_type, resource), self._headers)

    def take_away(self, resource_type: str, resource: Ref) -> None:
        """Break somebody else's lock; for admins."""
        path = _path(resource_type, resource)
        self._transport.send(Call("DELETE", path, params={"force": True}, headers=self._headers))


class Presence:
    """`client.presence`."""

    def __init__(self, transport: Transport, tab_id: str) -> None:
        self._transport, self._tab_id = transport, tab_id

    def be_at(
        self, page: str, *, resource_type: str | None = None, resource: Ref | None = None
    ) -> builtins.list[PersonHere]:
        """Say where this client is, again every 20 s or so, and hear who else is there."""
        resource_id = None if resource is None else id_of(resource)
        body = {"page": page, "resource_type": resource_type, "resource_id": resource_id, "tab_id": self._tab_id}
        return self._transport.read_list(PersonHere, Call("PUT", "/presence", json=body))

    def list(
        self, *, page: str | None = None, resource_type: str | None = None, resource: Ref | None = None
    ) -> builtins.list[PersonHere]:
        """List who was seen within the last minute on a page, at a resource or anywhere."""
        resource_id = None if resource is None else id_of(resource)
        params = {"page": page, "resource_type": resource_type, "resource_id": resource_id}
        return self._transport.read_list(PersonHere, Call("GET", "/presence", params=params))

    def leave(self) -> None:
        """Say that this client is nowhere any more."""
        call = Call("POST", "/presence/leave", headers={"Tab-Id": self._tab_id}, is_repeatable=True)
        self._transport.send(call)


class Notifications:
    """`client.notifications`: one's own."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, *, unread: bool = False) -> Pager[NotificationOut]:
        """Iterate over notifications, newest first."""
        return Pager(self._transport, "/notifications", NotificationOut.model_validate, {"unread": unread})

    def unread_count(self) -> int:
        """Return how many have not been read."""
        return (self._transport.get(UnreadCount, "/notifications/unread-count")).unread

    def mark_read(self, notification: Ref) -> NotificationOut:
        """Mark one as read."""
        path = f"/notifications/{in_path(id_of(notification))}/read"
        return self._transport.read(NotificationOut, Call("POST", path, is_repeatable=True))

    def mark_all_read(self) -> int:
        """Mark all as read and return how many that were."""
        call = Call("POST", "/notifications/read", is_repeatable=True)
        return (self._transport.read(MarkedRead, call)).n_marked

    def delete(self, notification: Ref) -> None:
        """Remove one."""
        self._transport.remove(f"/notifications/{in_path(id_of(notification))}")


def _path(resource_type: str, resource: Ref) -> str:
    return f"/locks/{in_path(resource_type)}/{in_path(id_of(resource))}"
