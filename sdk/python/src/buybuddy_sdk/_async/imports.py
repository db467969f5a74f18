"""A file of products: what it would do, and having that done."""

from typing import Any, Self

from pydantic import PrivateAttr

from buybuddy_sdk._async.jobs import AsyncJob, AsyncJobs
from buybuddy_sdk._async.pager import AsyncPager
from buybuddy_sdk._async.transport import AsyncTransport, Call, new_key
from buybuddy_sdk.models import ImportOut, ImportRowOut


class AsyncImport(ImportOut):
    """A file that was sent, and what it would do to the catalogue."""

    _transport: AsyncTransport = PrivateAttr()
    _jobs: AsyncJobs = PrivateAttr()

    @classmethod
    def of(cls, transport: AsyncTransport, jobs: AsyncJobs, document: Any) -> Self:
        """Build an import that can be applied."""
        found = cls.model_validate(document)
        found._transport, found._jobs = transport, jobs
        return found

    async def apply(self) -> AsyncJob:
        """Have a job do what the preview shows; a product that was changed since is left as it is and listed."""
        headers = {"Idempotency-Key": new_key()}
        call = Call("POST", f"/products/imports/{self.id}/apply", headers=headers, is_repeatable=True)
        return await self._transport.read_as(lambda answer: self._jobs.bind(answer["job"]), call)

    async def refresh(self) -> Self:
        """Return the preview as it is now, with the job that applies it."""
        call = Call("GET", f"/products/imports/{self.id}")
        return await self._transport.read_as(lambda answer: self.of(self._transport, self._jobs, answer), call)

    def rows(self, *, kind: str | None = None, outcome: str | None = None) -> AsyncPager[ImportRowOut]:
        """Iterate over the file's rows in its order."""
        params = {"kind": kind, "outcome": outcome}
        return AsyncPager(self._transport, f"/products/imports/{self.id}/rows", ImportRowOut.model_validate, params)

    async def discard(self) -> None:
        """Forget the file; what was applied stays."""
        await self._transport.remove(f"/products/imports/{self.id}")
