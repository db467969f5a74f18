"""A request that is sent again with the same Idempotency-Key is done once, whoever else uses that key for whatever."""

import hashlib
import json
from dataclasses import dataclass

from buybuddy.errors import InvalidInput
from buybuddy.infra.db import Actor


class KeyReused(InvalidInput):
    """An Idempotency-Key came again, with another request than the first time; nothing was done."""

    code = "IDEMPOTENCY_KEY_REUSED"
    http_status = 422


@dataclass(frozen=True)
class RequestKey:
    """What an Idempotency-Key means: it counts for one person and one operation.

    Args:
        scope: digest of person, operation and key.
        content: digest of what was asked for.
    """

    scope: str
    content: str

    @property
    def stored(self) -> str:
        """What is kept with what the request made."""
        return f"{self.scope}:{self.content}"

    def check_same(self, stored: str | None) -> None:
        """Raises: KeyReused when what was kept is of another request."""
        if stored is None or not stored.startswith(self.stored):
            raise KeyReused("This Idempotency-Key was used for another request; make up a new one for each request.")


def request_key(key: str | None, actor: Actor, operation: str, content: object) -> RequestKey | None:
    """Return what a key means; None for a request without one.

    Args:
        content: what was asked for, as JSON has it.
    """
    if key is None:
        return None
    return RequestKey(_digest([str(actor.id), operation, key]), _digest(content))


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]
