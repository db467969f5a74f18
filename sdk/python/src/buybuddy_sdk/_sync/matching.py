# Generated from _async/matching.py by scripts/generate.py, not to be edited.
"""Matching: which products come next, what may show them, what was decided, and how well that works."""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from buybuddy_sdk._files import FilePath, Form
from buybuddy_sdk._page import Ref, id_of, in_path
from buybuddy_sdk._sync.collaboration import Locks
from buybuddy_sdk._sync.desk import Desk, decide
from buybuddy_sdk._sync.evaluations import Evaluation
from buybuddy_sdk._sync.jobs import Jobs
from buybuddy_sdk._sync.pager import Pager
from buybuddy_sdk._sync.slots import start_when_free
from buybuddy_sdk._sync.transport import Call, Transport, new_key
from buybuddy_sdk.models import (
    AutomationOut,
    AutomationPreview,
    CandidateOut,
    DecidedOut,
    DecisionOut,
    MatchAuditOut,
    MatchingProgress,
    MatchingSettingsOut,
    QueueRow,
    SuggestionOut,
)

TRUTH_SILENCE_S = 600.0


class Matching:
    """`client.matching`; who decides about a product's photos does so under its lock, see `lock`."""

    def __init__(self, transport: Transport, jobs: Jobs, locks: Locks) -> None:
        self._transport, self._jobs, self._locks = transport, jobs, locks

    def queue(
        self, *, status: str | None = None, barcode: str | None = None, search: str | None = None
    ) -> Pager[QueueRow]:
        """Iterate over products, those first whose candidates promise the most matches.

        Args:
            status: of the products; those that need matching without.
            barcode: a whole one.
            search: beginnings of words or of any barcode.
        """
        params = {"status": status, "barcode": barcode, "search": search}
        return Pager(self._transport, "/matching/queue", QueueRow.model_validate, params)

    def progress(self) -> MatchingProgress:
        """Say how many decisions are left, who has made how many, and how long the rest will take."""
        return self._transport.get(MatchingProgress, "/matching/progress")

    def candidates(
        self,
        product: Ref,
        *,
        threshold: float | None = None,
        limit: int | None = None,
        source: str | None = None,
        captured_since: dt.datetime | None = None,
        with_skipped: bool = False,
    ) -> Sequence[CandidateOut]:
        """List open photos that may show a product, those with its barcode first, then by similarity.

        Args:
            threshold: the least similarity; 0.7 without.
            limit: at most 200; 50 without.
        """
        params = {
            "threshold": threshold,
            "limit": limit,
            "source": source,
            "captured_since": None if captured_since is None else captured_since.isoformat(),
            "with_skipped": with_skipped,
        }
        call = Call("GET", f"/matching/candidates/{in_path(id_of(product))}", params=params)
        return self._transport.read_list(CandidateOut, call)

    def suggestions(self, photo: Ref, *, limit: int | None = None) -> Sequence[SuggestionOut]:
        """List products that a photo may show, owners of its barcodes first, then the most similar.

        Args:
            limit: 5 without, at most 50.
        """
        call = Call("GET", f"/matching/suggestions/{in_path(id_of(photo))}", params={"limit": limit})
        return self._transport.read_list(SuggestionOut, call)

    def decisions(self, product: Ref) -> Sequence[DecisionOut]:
        """List the newest 500 decisions about a product, with who made them."""
        call = Call("GET", f"/matching/decisions/{in_path(id_of(product))}")
        return self._transport.read_list(DecisionOut, call)

    def lock(self, product: Ref, *, threshold: float | None = None) -> Desk:
        """Hold a product's matching lock for a block, and decide: `with client.matching.lock(id) as desk:`.

        Args:
            threshold: the least similarity of the candidates that are shown and decided about; 0.7 without.
        """
        return Desk(self._transport, self._locks, id_of(product), threshold)

    def approve(
        self, product: Ref, photos: Iterable[Ref], *, lock_token: int, threshold: float | None = None
    ) -> DecidedOut:
        """Make photos real images of a product, all or none. Raises: Conflict (PHOTO_TAKEN), with whose they are."""
        return decide(self._transport, "approve", product, photos, lock_token, threshold)

    def reject(
        self, product: Ref, photos: Iterable[Ref], *, lock_token: int, threshold: float | None = None
    ) -> DecidedOut:
        """Say that photos do not show a product. Raises: Conflict (ALREADY_APPROVED)."""
        return decide(self._transport, "reject", product, photos, lock_token, threshold)

    def skip(
        self, product: Ref, photos: Iterable[Ref], *, lock_token: int, threshold: float | None = None
    ) -> DecidedOut:
        """Leave photos for later. Raises: Conflict (ALREADY_APPROVED)."""
        return decide(self._transport, "skip", product, photos, lock_token, threshold)

    def undo(self, product: Ref, photos: Iterable[Ref], *, lock_token: int) -> DecidedOut:
        """Take back whatever was decided about photos of a product."""
        return decide(self._transport, "undo", product, photos, lock_token, None)

    def settings(self) -> MatchingSettingsOut:
        """Return how matching works here."""
        return self._transport.get(MatchingSettingsOut, "/matching/settings")

    def edit_settings(
        self,
        *,
        ready_after: int | None = None,
        is_automatic: bool | None = None,
        precision_target: float | None = None,
        audit_share: float | None = None,
    ) -> MatchingSettingsOut:
        """Change what is given, for everybody; automatic approval that is switched on begins in seconds. For admins.

        Args:
            ready_after: how many approved photos make a product ready.
            precision_target: the least share of right ones among automatic approvals.
            audit_share: the share of automatic approvals that people are asked about.
        """
        given = {
            "ready_after": ready_after,
            "is_automatic": is_automatic,
            "precision_target": precision_target,
            "audit_share": audit_share,
        }
        body = {name: value for name, value in given.items() if value is not None}
        return self._transport.read(MatchingSettingsOut, Call("PATCH", "/matching/settings", json=body))

    def automation(self) -> AutomationOut:
        """Say how good automatic approvals are, by those that people were asked about."""
        return self._transport.get(AutomationOut, "/matching/automation")

    def preview_automation(self, *, precision_target: float | None = None) -> AutomationPreview:
        """Say how many suggestions would be approved, and how often such were right before; nothing is changed.

        Args:
            precision_target: the one of the settings without.
        """
        body = {} if precision_target is None else {"precision_target": precision_target}
        call = Call("POST", "/matching/automation/preview", json=body, is_repeatable=True)
        return self._transport.read(AutomationPreview, call)

    def audits(self) -> Pager[MatchAuditOut]:
        """Iterate over automatic approvals that people are asked about, the oldest first."""
        return Pager(self._transport, "/matching/audits", MatchAuditOut.model_validate, {})

    def answer_audit(self, product: Ref, photo: Ref, *, is_right: bool) -> AutomationOut:
        """Say whether an automatic approval was right; a wrong one is taken back and the pair rejected.

        Raises: Conflict when it was answered meanwhile; ResourceLocked while somebody else decides about the product.
        """
        body = {"product_id": id_of(product), "photo_id": id_of(photo), "is_right": is_right}
        return self._transport.read(AutomationOut, Call("POST", "/matching/audits", json=body))

    def evaluate(
        self,
        truth: FilePath,
        *,
        category: str | None = None,
        encoder: str | None = None,
        wait_for_slot: float | None = None,
        on_wait: Callable[[str], None] | None = None,
    ) -> Evaluation:
        """Have matching measured; `wait()` on what is returned gives the figures.

        Args:
            truth: a CSV or XLSX file with the columns `path`, as the photos were imported, and `barcode`.
            category: only products of it, and photos of them.
            encoder: by its name; else the one that serves.
            wait_for_slot: for how many seconds to try while no slot at all is free; `math.inf` for ever.
            on_wait: hears why, each time.
        Raises: QueueFull; DeadlineExceeded after such a wait.
        """
        fields = {name: value for name, value in {"category": category, "encoder": encoder}.items() if value}
        call = Call(
            "POST",
            "/matching/evaluations",
            form=Form((("truth", Path(truth)),), fields),
            headers={"Idempotency-Key": new_key()},
            is_repeatable=True,
            silence_s=TRUTH_SILENCE_S,
        )
        return start_when_free(self._transport, self._bind, call, wait_for_slot, on_wait)

    def evaluation(self, evaluation: Ref) -> Evaluation:
        """Return a measurement that was begun before."""
        return self._transport.read_as(self._bind, Call("GET", f"/matching/evaluations/{in_path(id_of(evaluation))}"))

    def _bind(self, document: Any) -> Evaluation:
        return Evaluation.of(self._transport, self._jobs, document)
