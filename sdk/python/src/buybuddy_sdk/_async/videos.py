"""Videos: sending them, having them processed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from buybuddy_sdk._async.jobs import AsyncJob, AsyncJobs
from buybuddy_sdk._async.pager import AsyncPager
from buybuddy_sdk._async.slots import start_when_free
from buybuddy_sdk._async.transport import AsyncTransport, Call, new_key
from buybuddy_sdk._async.uploads import send_in_pieces
from buybuddy_sdk._files import FilePath, Form
from buybuddy_sdk._page import Ref, id_of, in_path
from buybuddy_sdk.errors import ServerError
from buybuddy_sdk.models import SkippedItem, UploadOut, VideoOut, VideoQueueOut

UPLOAD_SILENCE_S = 3600.0


@dataclass(frozen=True)
class AsyncStarted:
    """The jobs that were started, and the videos that were left out, with the reason."""

    jobs: Sequence[AsyncJob]
    skipped: Sequence[SkippedItem]


class AsyncVideos:
    """`client.videos`."""

    def __init__(self, transport: AsyncTransport, jobs: AsyncJobs) -> None:
        self._transport, self._jobs = transport, jobs

    def list(self, *, status: str | None = None, search: str | None = None) -> AsyncPager[VideoOut]:
        """Iterate over videos, newest first; `search` matches the file name or the whole barcode."""
        params = {"status": status, "search": search}
        return AsyncPager(self._transport, "/videos", VideoOut.model_validate, params)

    async def get(self, video: Ref) -> VideoOut:
        """Return one video."""
        return await self._transport.get(VideoOut, _path(video))

    async def upload(self, *files: FilePath, barcode: str | None = None) -> UploadOut:
        """Send videos; the same bytes twice are one video, and a file that is no video is listed with the reason."""
        fields = {} if barcode is None else {"barcode": barcode}
        form = Form(tuple(("files", Path(file)) for file in files), fields)
        call = Call("POST", "/videos/upload", form=form, is_repeatable=True, silence_s=UPLOAD_SILENCE_S)
        return await self._transport.read(UploadOut, call)

    async def upload_large(
        self, file: FilePath, *, barcode: str | None = None, progress: bool | None = None
    ) -> VideoOut:
        """Send one video in pieces; where the connection breaks off it goes on from the last piece that was kept.

        Raises: InvalidInput when it is no video.
        """
        upload = await send_in_pieces(self._transport, Path(file), barcode, progress=progress)
        if upload.video_id is None:
            raise ServerError(f"{upload.filename} was taken, and has become no video.")
        return await self.get(upload.video_id)

    async def process(
        self,
        videos: Iterable[Ref],
        *,
        wait_for_slot: float | None = None,
        on_wait: Callable[[str], None] | None = None,
        idempotency_key: str | None = None,
    ) -> AsyncStarted:
        """Have videos processed: one job each; those beyond the free slots wait.

        Args:
            wait_for_slot: for how many seconds to try while no slot at all is free; `math.inf` for ever.
            on_wait: hears why, each time.
        Raises: QueueFull; DeadlineExceeded after such a wait.
        """
        body = {"video_ids": [id_of(video) for video in videos]}
        headers = {"Idempotency-Key": idempotency_key or new_key()}
        call = Call("POST", "/videos/process", json=body, headers=headers, is_repeatable=True)
        return await start_when_free(self._transport, self._started, call, wait_for_slot, on_wait)

    async def retry(self, video: Ref) -> AsyncStarted:
        """Process one video again; its old frames stay until the new run has succeeded."""
        return await self._transport.read_as(self._started, Call("POST", f"{_path(video)}/retry"))

    async def queue(self) -> VideoQueueOut:
        """Say how many videos are where, and list those that wait and those that run."""
        return await self._transport.get(VideoQueueOut, "/videos/queue")

    async def delete(self, video: Ref) -> None:
        """Remove a video; a product that came from it keeps its frames."""
        await self._transport.remove(_path(video))

    def _started(self, answer: Any) -> AsyncStarted:
        skipped = [SkippedItem.model_validate(item) for item in answer["skipped"]]
        return AsyncStarted([self._jobs.bind(job) for job in answer["jobs"]], skipped)


def _path(video: Ref) -> str:
    return f"/videos/{in_path(id_of(video))}"
