"""Nobody's body is taken in before it is known that they may send it, and none without end."""

from email.message import Message as MediaType

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from buybuddy.domain.accounts.access import KnownRoute, find_route
from buybuddy.errors import PayloadTooLarge
from buybuddy.infra.http import Platform

LARGEST_BODY_BYTES = 8 * 1024 * 1024
LARGEST_FORM_BYTES = 64 * 1024 * 1024  # the largest file in one is an import's, with 50 MB
FORMS = frozenset({"multipart/form-data", "application/x-www-form-urlencoded"})
# These look at the size of each file themselves, and are for operators.
OF_ANY_SIZE = frozenset({"uploadVideos", "appendToUpload", "addPhotos"})


class BodyGuard:
    """ASGI middleware around the routes: what a request may send is decided when its first byte is asked for.

    FastAPI reads a form, to temporary files, before any dependency of the route: anybody could fill the disk.
    A refusal is raised where the body is read, and answered like every other (see problems.py).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        n_bytes = 0
        largest: int | None = None
        is_begun = False

        async def receive_guarded() -> Message:
            nonlocal n_bytes, largest, is_begun
            if not is_begun:
                is_begun = True
                largest = await _largest_body(scope)
            message = await receive()
            n_bytes += len(message.get("body", b""))
            if largest is not None and n_bytes > largest:
                raise PayloadTooLarge(f"At most {largest // 2**20} MiB are taken in one request.")
            return message

        await self._app(scope, receive_guarded, send)


async def _largest_body(scope: Scope) -> int | None:
    """Return how many bytes may come, None for any number. Raises: what refuses whoever asks, PayloadTooLarge."""
    request = Request(scope)
    route = find_route(request)
    is_form = _media_type(request) in FORMS
    if is_form and route is not None:
        await _check_access(request, route)
    if route is not None and route.operation_id in OF_ANY_SIZE:
        return None
    largest = LARGEST_FORM_BYTES if is_form else LARGEST_BODY_BYTES
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:19]) > largest:
        raise PayloadTooLarge(f"At most {largest // 2**20} MiB are taken in one request.")
    return largest


async def _check_access(request: Request, route: KnownRoute) -> None:
    platform: Platform = request.app.state.platform
    for requirement in route.requirements:
        await requirement(request, platform)


def _media_type(request: Request) -> str:
    kind = MediaType()
    kind["content-type"] = request.headers.get("content-type", "")
    return kind.get_content_type()
