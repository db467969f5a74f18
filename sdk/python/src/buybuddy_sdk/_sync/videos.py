# Generated from _async/videos.py by scripts/generate.py, not to be edited.
"""Videos: sending them, having them processed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from buybuddy_sdk._files import FilePath, Form
from buybuddy_sdk._page import Ref, id_of, in_path
from buybuddy_sdk._sync.jobs import Job, Jobs
from buybuddy_sdk._sync.pager import Pager
from buybuddy_sdk._sync.slots import start_when_free
from buybuddy_sdk._sync.transport import Call, Transport, new_key
from buybuddy_sdk._sync.uploads import send_in_pieces
from buybuddy_sdk.errors import ServerError
from buybuddy_sdk.models import SkippedItem, UploadOut, VideoOut, VideoQueueOut

UPLOAD_SILENCE_S = 3600.0


@dataclass(frozen=True)
class Started:
    """The jobs that were started, and the videos that were left out, with the reason."""

    jobs: Sequence[Job]
    skipped: Sequence[SkippedItem]


class Videos:
    """`client.videos`."""

    def __init__(self, transport: Transport, jobs: Jobs) -> None:
        self._transport, self._jobs = transport, jobs

    def list(self, *, status: str | None = None, search: str | None = None) -> Pager[VideoOut]:
        """Iterate over videos, newest first; `search` matches the file name or the whole barcode."""
        params = {"status": status, "search": search}
        return Pager(self._transport, "/videos", VideoOut.model_validate, params)

    def get(self, video: Ref) -> VideoOut:
        """Return one video."""
        return self._transport.get(VideoOut, _path(video))

    def upload(self, *files: FilePath, barcode: str | None = None) -> UploadOut:
        """Send videos; the same bytes twice are one video, and a file that is no video is listed with the reason."""
        fields = {} if barcode is None else {"barcode": barcode}
        form = Form(tuple(("files", Path(file)) for file in files), fields)
        call = Call("POST", "/videos/upload", form=form, is_repeatable=True, silence_s=UPLOAD_SILENCE_S)
        return self._transport.read(UploadOut, call)

    def upload_large(self, file: FilePath, *, barcode: str | None = None, progress: bool | None = None) -> VideoOut:
        """Send one video in pieces; where the connection breaks off it goes on from the last piece that was kept.

        Raises: InvalidInput when it is no video.
        """
        upload = send_in_pieces(self._transport, Path(file), barcode, progress=progress)
        if upload.video_id is None:
            raise ServerError(f"{upload.filename} was taken, and has become no video.")
        return self.get(upload.video_id)

    def process(
        self,
        videos: Iterable[Ref],
        *,
        wait_for_slot: float | None = None,
        on_wait: Callable[[str], None] | None = None,
        idempotency_key: str | None = None,
    ) -> Started:
        """Have videos processed: one job each; those beyond the free slots wait.

        Args:
            wait_for_slot: for how many seconds to try while no slot at all is free; `math.inf` for ever.
            on_wait: hears why, each time.
        Raises: QueueFull; DeadlineExceeded after such a wait.
        """
        body = {"video_ids": [id_of(video) for video in videos]}
        headers = {"Idempotency-Key": idempotency_key or new_key()}
        call = Call("POST", "/videos/process", json=body, headers=headers, is_repeatable=True)
        return start_when_free(self._transport, self._started, call, wait_for_slot, on_wait)

    def retry(self, video: Ref) -> Started:
        """Process one video again; its old frames stay until the new run has succeeded."""
        return self._transport.read_as(self._started, Call("POST", f"{_path(video)}/retry"))

    def queue(self) -> VideoQueueOut:
        """Say how many videos are where, and list those that wait and those that run."""
        return self._transport.get(VideoQueueOut, "/videos/queue")

    def delete(self, video: Ref) -> None:
        """Remove a video; a product that came from it keeps its frames."""
        self._transport.remove(_path(video))

    def _started(self, answer: Any) -> Started:
        skipped = [SkippedItem.model_validate(item) for item in answer["skipped"]]
        return Started([self._jobs.bind(job) for job in answer["jobs"]], skipped)


def _path(video: Ref) -> str:
    return f"/videos/{in_path(id_of(video))}"
