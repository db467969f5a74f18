"""Nobody's body is taken in before it is known that they may send it, and none without end."""

from email.message import Message as MediaType

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from buybuddy.domain.accounts.access import KnownRoute, find_route
from buybuddy.errors import PayloadTooLarge
from buybuddy.infra.http import Platform

LARGEST_BODY_BYTES = 8 * 1024 * 1024
LARGEST_FORM_BYTES = 64 * 1024 * 1024  # the largest file in one is an import's, with 50 MB
LARGEST_UPLOAD_BYTES = 16 * 2**30  # of a form: it lies in a temporary file before anybody looks into it
FORMS = frozenset({"multipart/form-data", "application/x-www-form-urlencoded"})
# These look at the size of each file themselves, and are for operators.
LARGE_FORMS = frozenset({"uploadVideos", "addPhotos"})
OF_ANY_SIZE = frozenset({"appendToUpload"})  # no form: what comes is counted as it is written


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
                raise _too_large(largest)
            return message

        await self._app(scope, receive_guarded, send)


async def _largest_body(scope: Scope) -> int | None:
    """Return how many bytes may come, None for any number. Raises: what refuses whoever asks, PayloadTooLarge."""
    request = Request(scope)
    route = find_route(request)
    is_form = _media_type(request) in FORMS
    if is_form and route is not None:
        await _check_access(request, route)
    operation = route.operation_id if route is not None else None
    if operation in OF_ANY_SIZE:
        return None
    largest = LARGEST_BODY_BYTES
    if is_form:
        largest = LARGEST_UPLOAD_BYTES if operation in LARGE_FORMS else LARGEST_FORM_BYTES
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:19]) > largest:
        raise _too_large(largest)
    return largest


def _too_large(largest: int) -> PayloadTooLarge:
    if largest < 2**30:
        return PayloadTooLarge(f"At most {largest // 2**20} MiB are taken in one request.")
    return PayloadTooLarge(f"At most {largest // 2**30} GiB are taken in one request; send the files in several.")


async def _check_access(request: Request, route: KnownRoute) -> None:
    platform: Platform = request.app.state.platform
    for requirement in route.requirements:
        await requirement(request, platform)


def _media_type(request: Request) -> str:
    kind = MediaType()
    kind["content-type"] = request.headers.get("content-type", "")
    return kind.get_content_type()
