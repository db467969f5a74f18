# Generated from _async/imports.py by scripts/generate.py, not to be edited.
"""A file of products: what it would do, and having that done."""

from typing import Any, Self

from pydantic import PrivateAttr

from buybuddy_sdk._sync.jobs import Job, Jobs
from buybuddy_sdk._sync.pager import Pager
from buybuddy_sdk._sync.transport import Call, Transport, new_key
from buybuddy_sdk.models import ImportOut, ImportRowOut


class Import(ImportOut):
    """A file that was sent, and what it would do to the catalogue."""

    _transport: Transport = PrivateAttr()
    _jobs: Jobs = PrivateAttr()

    @classmethod
    def of(cls, transport: Transport, jobs: Jobs, document: Any) -> Self:
        """Build an import that can be applied."""
        found = cls.model_validate(document)
        found._transport, found._jobs = transport, jobs
        return found

    def apply(self) -> Job:
        """Have a job do what the preview shows; a product that was changed since is left as it is and listed."""
        headers = {"Idempotency-Key": new_key()}
        call = Call("POST", f"/products/imports/{self.id}/apply", headers=headers, is_repeatable=True)
        return self._transport.read_as(lambda answer: self._jobs.bind(answer["job"]), call)

    def refresh(self) -> Self:
        """Return the preview as it is now, with the job that applies it."""
        call = Call("GET", f"/products/imports/{self.id}")
        return self._transport.read_as(lambda answer: self.of(self._transport, self._jobs, answer), call)

    def rows(self, *, kind: str | None = None, outcome: str | None = None) -> Pager[ImportRowOut]:
        """Iterate over the file's rows in its order."""
        params = {"kind": kind, "outcome": outcome}
        return Pager(self._transport, f"/products/imports/{self.id}/rows", ImportRowOut.model_validate, params)

    def discard(self) -> None:
        """Forget the file; what was applied stays."""
        self._transport.remove(f"/products/imports/{self.id}")
