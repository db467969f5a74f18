"""Encoders: which one answers, and having another one take over."""

import builtins

from buybuddy_sdk._async.jobs import AsyncJob, AsyncJobs
from buybuddy_sdk._async.transport import AsyncTransport, Call
from buybuddy_sdk._page import Ref, id_of, in_path
from buybuddy_sdk.models import EncoderOut


class AsyncEncoders:
    """`client.encoders`."""

    def __init__(self, transport: AsyncTransport, jobs: AsyncJobs) -> None:
        self._transport, self._jobs = transport, jobs

    async def list(self) -> builtins.list[EncoderOut]:
        """List encoders with how many vectors each has, the serving one first."""
        return await self._transport.read_list(EncoderOut, Call("GET", "/embeddings/encoders"))

    async def fill(self, encoder: str) -> builtins.list[AsyncJob]:
        """Embed whatever an encoder, by its name, has no vector of, while another one serves.

        Returns the first jobs, which make their own successors: `list` says how far they are.
        Raises: Conflict while it is being filled.
        """
        call = Call("POST", "/embeddings/encoders/fill", json={"encoder": encoder})
        return await self._transport.read_as(lambda answer: [self._jobs.bind(job) for job in answer], call)

    async def activate(self, encoder: Ref, *, force: bool = False) -> EncoderOut:
        """Have an encoder answer candidates and searches from now on; suggestions are then found anew.

        Args:
            force: even when more than 1 % of the serving encoder's vectors are missing.
        Raises: Conflict (NOT_FILLED).
        """
        call = Call("POST", f"/embeddings/encoders/{in_path(id_of(encoder))}/activate", json={"force": force})
        return await self._transport.read(EncoderOut, call)
