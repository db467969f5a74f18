# Generated from _async/desk.py by scripts/generate.py, not to be edited.
"""Deciding which photos show a product, under its matching lock."""

from collections.abc import Iterable, Sequence

from buybuddy_sdk._page import Ref, id_of, in_path, under_lock
from buybuddy_sdk._sync.collaboration import HeldLock, Locks
from buybuddy_sdk._sync.transport import Call, Transport
from buybuddy_sdk.errors import Conflict, LockLost
from buybuddy_sdk.models import CandidateOut, DecidedOut


class Desk(HeldLock):
    """The matching lock of a product, which renews itself while its block runs, and what is decided under it.

    Entering raises ResourceLocked when somebody else has it. Near-duplicates are decided together. Every decision
    raises LockLost once the lock is held no longer, and then nothing is written.
    """

    def __init__(self, transport: Transport, locks: Locks, product_id: str, threshold: float | None = None) -> None:
        super().__init__(locks, "matching", product_id)
        self._transport, self._product_id, self._threshold = transport, product_id, threshold

    def candidates(self, *, limit: int | None = None, with_skipped: bool = False) -> Sequence[CandidateOut]:
        """List open photos that may show the product, as they are now; what was decided is not among them."""
        params = {"threshold": self._threshold, "limit": limit, "with_skipped": with_skipped}
        call = Call("GET", f"/matching/candidates/{in_path(self._product_id)}", params=params)
        return self._transport.read_list(CandidateOut, call)

    def approve(self, photos: Iterable[Ref]) -> DecidedOut:
        """Make photos real images of the product, all or none. Raises: Conflict (PHOTO_TAKEN), with whose they are."""
        return self._decide("approve", photos)

    def reject(self, photos: Iterable[Ref]) -> DecidedOut:
        """Say that photos do not show the product; they never come up for it again."""
        return self._decide("reject", photos)

    def skip(self, photos: Iterable[Ref]) -> DecidedOut:
        """Leave photos for later; they come up again only when skipped ones are asked for."""
        return self._decide("skip", photos)

    def undo(self, photos: Iterable[Ref]) -> DecidedOut:
        """Take back whatever was decided about photos of the product."""
        return self._decide("undo", photos)

    def _decide(self, what: str, photos: Iterable[Ref]) -> DecidedOut:
        try:
            return decide(self._transport, what, self._product_id, photos, self.token, self._threshold)
        except Conflict as conflict:
            if conflict.code != "LOCK_LOST":
                raise
            raise LockLost(conflict.detail, code=conflict.code, problem=conflict.problem) from conflict


def decide(
    transport: Transport,
    what: str,
    product: Ref,
    photos: Iterable[Ref],
    lock_token: int,
    threshold: float | None,
) -> DecidedOut:
    """Send one decision. The token keeps a late try from undoing what somebody else has decided since.

    Args:
        what: approve, reject, skip or undo.
    """
    body: dict[str, object] = {"product_id": id_of(product), "candidate_ids": [id_of(photo) for photo in photos]}
    if threshold is not None:
        body["threshold"] = threshold
    call = Call("POST", f"/matching/{what}", json=body, headers=under_lock(lock_token), is_repeatable=True)
    return transport.read(DecidedOut, call)
