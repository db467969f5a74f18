"""Text that PostgreSQL cannot hold and JSON that no parser takes are refused before any route sees them."""

import json
import re
from collections.abc import Iterator
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from buybuddy.infra.http.problems import VALIDATION_FAILED, problem_response

LARGEST_JSON_BYTES = 8 * 1024 * 1024  # ten thousand ids are 0.4 MB
DEEPEST_JSON = 100
WHAT = "Text cannot hold the character NUL or half of a surrogate pair"

_SUSPICIOUS = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])|[0-9]{4300}")
_JSON_KINDS = re.compile(rb"json|text/plain", re.IGNORECASE)
_BAD = re.compile("[\x00\ud800-\udfff]")
TOO_LONG = "A number has at most 4300 digits"
NO_TEXT = "JSON is sent as UTF-8 text"
TOO_DEEP = f"JSON is nested at most {DEEPEST_JSON} levels deep"

Finding = tuple[str, str]  # where, and what is wrong with it


class _TooLarge(Exception):
    """The body is larger than any that a route takes."""


class TextGuard:
    """ASGI middleware: 422 for such text in the path, the query and JSON bodies, 413 for JSON without end.

    The field is named where there is one.

    Forms are left to their routes: their bodies are streams of any size.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        found = _find_in_address(scope)
        try:
            body = await _read(receive) if found is None and _is_json(scope) else None
        except _TooLarge:
            detail = f"A JSON body has at most {LARGEST_JSON_BYTES // 2**20} MiB."
            await problem_response(413, "PAYLOAD_TOO_LARGE", detail)(scope, receive, send)
            return
        if found is None and body is not None:
            found = _find_in_json(body)
        if found is not None:
            where, what = found
            errors = [{"where": where, "what": what}]
            answer = problem_response(422, VALIDATION_FAILED, f"{where}: {what}", errors=errors)
            await answer(scope, receive, send)
            return
        await self._app(scope, receive if body is None else _replay(body, receive), send)


def _find_in_address(scope: Scope) -> Finding | None:
    if "\x00" in scope["path"]:
        return "path", WHAT
    query: bytes = scope["query_string"]
    if b"%00" not in query and b"\x00" not in query:
        return None
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    bad = (f"query.{name}".replace("\x00", "") for name, value in pairs if "\x00" in name + value)
    return next(((where, WHAT) for where in bad), None)


def _is_json(scope: Scope) -> bool:
    kinds = [value for name, value in scope["headers"] if name == b"content-type"]
    # FastAPI reads a body without a type as JSON, too; a GET has none.
    # A page that closes can send its last words as text/plain only; they are JSON all the same.
    is_json = not kinds or _JSON_KINDS.search(kinds[0].partition(b";")[0]) is not None
    return scope["method"] not in ("GET", "HEAD") and is_json


async def _read(receive: Receive) -> bytes:
    """Return the whole body. Raises: _TooLarge."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > LARGEST_JSON_BYTES:
            raise _TooLarge
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body once and then what comes after it."""
    is_given = False

    async def again() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _find_in_json(body: bytes) -> Finding | None:
    if not _is_utf8(body):
        return "body", NO_TEXT
    can_be_deep = body.count(b"[") + body.count(b"{") > DEEPEST_JSON
    if not can_be_deep and _SUSPICIOUS.search(body) is None:
        return None
    try:
        document = json.loads(body)
    except json.JSONDecodeError:
        return None  # the route says so, in its own words
    except ValueError:  # the interpreter's own limit
        return "body", TOO_LONG
    except RecursionError:
        return "body", TOO_DEEP
    if can_be_deep and _is_too_deep(document):
        return "body", TOO_DEEP
    return next(((where, WHAT) for where in _bad_places(document, "body")), None)


def _is_utf8(body: bytes) -> bool:
    """A NUL is no part of JSON; with one, the parser would take the body for UTF-16 or UTF-32."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return b"\x00" not in body


def _is_too_deep(document: object) -> bool:
    level = [document]
    for _ in range(DEEPEST_JSON + 1):
        level = [
            inner
            for value in level
            if isinstance(value, list | dict)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
    return bool(level)


def _bad_places(value: object, where: str) -> Iterator[str]:
    if isinstance(value, str) and _BAD.search(value):
        yield where
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _bad_places(item, f"{where}.{index}")
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from [f"{where}.{_BAD.sub('', name)}"] if _BAD.search(name) else _bad_places(item, f"{where}.{name}")
