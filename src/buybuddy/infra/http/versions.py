"""Optimistic versions over HTTP: rows carry an ETag, edits name the version they were made from."""

import re
from typing import Annotated

from fastapi import Depends, Header, Response

from buybuddy.errors import InvalidInput, PreconditionRequired

_ETAG = re.compile(r'(?:W/)?"v(\d{1,9})"')


async def parse_if_match(
    if_match: Annotated[
        str | None, Header(description='The ETag that was read, as in `"v3"`; instead of `version` in the body.')
    ] = None,
) -> int | None:
    """Return the version of an If-Match header; None without one. Raises: InvalidInput."""
    if if_match is None:
        return None
    match = _ETAG.fullmatch(if_match.strip())
    if match is None:
        raise InvalidInput('If-Match takes one ETag of ours, as in "v3".', errors=[{"where": "header.if-match"}])
    return int(match.group(1))


IfMatch = Annotated[int | None, Depends(parse_if_match)]


def set_etag(response: Response, version: int) -> None:
    """Give the answer the ETag of a row's version."""
    response.headers["ETag"] = f'"v{version}"'


def edited_version(in_body: int | None, if_match: int | None) -> int:
    """Return the version that an edit was made from. Raises: PreconditionRequired, InvalidInput when they differ."""
    if in_body is not None and if_match is not None and in_body != if_match:
        raise InvalidInput("The body's version and If-Match name different versions.")
    version = in_body if in_body is not None else if_match
    if version is None:
        raise PreconditionRequired("Say which version was edited: `version` in the body, or If-Match.")
    return version
