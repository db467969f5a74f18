"""What the API says of locks."""

import datetime as dt
import uuid

from pydantic import BaseModel, Field

from buybuddy.domain.collaboration.locks.repository import Acquired, Lock
from buybuddy.domain.collaboration.rules import Holder


class PersonOut(BaseModel):
    id: uuid.UUID
    username: str


class LockOut(BaseModel):
    """A lock that is held."""

    resource_type: str
    resource_id: uuid.UUID
    user: PersonOut
    acquired_at: dt.datetime
    expires_at: dt.datetime = Field(description="By the server's clock, to be shown; to count down use expires_in_s.")
    expires_in_s: float
    is_mine: bool = Field(description="Held by the tab that asks.")
    token: int | None = Field(description="Goes with edits, as the header Lock-Token; told to the holder only.")

    @classmethod
    def of(cls, lock: Lock, asker: Holder) -> "LockOut":
        holder = lock.holder
        return cls(
            resource_type=lock.resource_type,
            resource_id=lock.resource_id,
            user=PersonOut(id=holder.user_id, username=holder.username),
            acquired_at=lock.acquired_at,
            expires_at=lock.expires_at,
            expires_in_s=round(lock.expires_in_s, 1),
            is_mine=holder == asker,
            token=lock.token if holder == asker else None,
        )


class LockAnswer(BaseModel):
    """Whether the tab that asks holds the lock, and the lock, if anybody does."""

    acquired: bool
    lock: LockOut | None

    @classmethod
    def of(cls, lock: Acquired | Lock | None, asker: Holder) -> "LockAnswer":
        if lock is None:
            return cls(acquired=False, lock=None)
        shown = LockOut.of(lock.lock if isinstance(lock, Acquired) else lock, asker)
        return cls(acquired=shown.is_mine, lock=shown)
