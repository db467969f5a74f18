"""Our own HTTP API, as the command line uses it."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from buybuddy.errors import BuybuddyError, NotAuthenticated, NotFound, QueueFull, Unavailable

API_PREFIX = "/api/v1"
POLL_S = 0.4
TERMINAL = ("completed", "failed", "cancelled")
_BY_CODE: dict[str, type[BuybuddyError]] = {
    kind.code: kind for kind in (NotAuthenticated, NotFound, QueueFull, Unavailable)
}

Json = dict[str, Any]


class RequestRefused(BuybuddyError):
    """The server's problem document, for every code that needs no handling of its own."""

    code = "REQUEST_REFUSED"


class PlatformClient:
    """Calls the API of a running platform; a context manager.

    Args:
        is_local: whether its storage is this home's.
    Raises, from every call: Unavailable when it cannot be reached, else the error that it answered with.
    """

    def __init__(self, url: str, key: str | None, *, is_local: bool = False) -> None:
        self.is_local = is_local
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.url = url.rstrip("/")
        self._http = httpx.Client(base_url=self.url, headers=headers, timeout=httpx.Timeout(120, connect=10))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._http.close()

    def upload_video(self, path: Path, barcode: str | None) -> Json:
        """Send a video and return it, or the reason why it was not taken under `rejected`."""
        with path.open("rb") as file:
            data = {"barcode": barcode} if barcode else {}
            answer: Json = self._call(
                "POST", "/videos/upload", files={"files": (path.name, file)}, data=data, timeout=3600
            )
        return answer

    def process_videos(self, video_ids: Sequence[str]) -> Json:
        answer: Json = self._call("POST", "/videos/process", json={"video_ids": list(video_ids)})
        return answer

    def process_when_free(self, video_ids: Sequence[str], on_wait: Callable[[str], None]) -> Json:
        """Like process_videos, but wait while every slot is taken."""
        while True:
            try:
                return self.process_videos(video_ids)
            except QueueFull as full:
                on_wait(full.detail)
                time.sleep(2.0)

    def get(self, path: str, **params: object) -> Any:
        return self._call("GET", path, params={name: value for name, value in params.items() if value is not None})

    def pages(self, path: str, **params: object) -> Iterator[Json]:
        """Yield every item of a list, page by page."""
        page = 1
        while True:
            answer = self.get(path, page=page, limit=100, **params)
            yield from answer["items"]
            if page * answer["limit"] >= answer["total"]:
                return
            page += 1

    def wait_for_jobs(self, job_ids: Sequence[str], on_change: Callable[[Json], None]) -> dict[str, Json]:
        """Return the jobs once all of them have ended; `on_change` hears of each look at one."""
        ended: dict[str, Json] = {}
        while True:
            for job_id in job_ids:
                if job_id in ended:
                    continue
                job = self.get(f"/jobs/{job_id}")
                on_change(job)
                if job["status"] in TERMINAL:
                    ended[job_id] = job
            if len(ended) == len(job_ids):
                return ended
            time.sleep(POLL_S)

    def search(self, photo: Path, k: int) -> Json:
        with photo.open("rb") as file:
            answer: Json = self._call("POST", "/search", params={"k": k}, files={"photo": (photo.name, file)})
        return answer

    def reset_password(self, username: str) -> Json:
        answer: Json = self._call("POST", f"/auth/users/{quote(username, safe='')}/reset-password")
        return answer

    def download(self, link: str) -> bytes:
        """Return what a signed link opens."""
        response = self._send("GET", link)
        if response.is_error:
            raise _as_error(response)
        return response.content

    def _call(self, method: str, path: str, **options: Any) -> Any:
        response = self._send(method, API_PREFIX + path, **options)
        if response.is_error:
            raise _as_error(response)
        return response.json() if response.content else None

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **options)
        except httpx.TransportError as error:
            raise Unavailable(f"{self.url} cannot be reached: {error}") from error


def _as_error(response: httpx.Response) -> BuybuddyError:
    try:
        problem = response.json()
    except ValueError:
        return RequestRefused(f"The server answered {response.status_code}.")
    kind = _BY_CODE.get(str(problem.get("code")), RequestRefused)
    return kind(str(problem.get("detail", f"The server answered {response.status_code}.")), code=problem.get("code"))
