"""Which tab of which session asks: by header, by query, or, from a page that closes, in the body of a beacon."""

import json
from typing import Annotated, Any

from fastapi import Depends, Header, Query, Request

from buybuddy.domain.accounts.access import Principal, Requires
from buybuddy.domain.collaboration.rules import TAB_ID, Holder
from buybuddy.errors import InvalidInput, PayloadTooLarge

LARGEST_BODY_BYTES = 1024
_MODEL = {"type": "object", "properties": {"tab_id": {"type": "string", "maxLength": 64}}}
TAB_BODY: dict[str, Any] = {
    "requestBody": {
        "required": False,
        "description": "The tab, unless a header or the query says it; navigator.sendBeacon sends text.",
        "content": {"application/json": {"schema": _MODEL}, "text/plain": {"schema": {"type": "string"}}},
    }
}


async def find_holder(
    request: Request,
    principal: Annotated[Principal, Depends(Requires("viewer"))],
    tab_id: Annotated[
        str | None,
        Query(max_length=64, description="Any id that the page has made up for its tab; none is a tab, too."),
    ] = None,
    tab_header: Annotated[str | None, Header(alias="Tab-Id", max_length=64)] = None,
) -> Holder:
    """Return which tab asks. Raises: InvalidInput, PayloadTooLarge."""
    given = tab_id if tab_id is not None else tab_header
    if given is None and request.method == "POST":
        given = _tab_in(await _read_body(request))
    return holder_of(principal, given or "")


def holder_of(principal: Principal, tab_id: str) -> Holder:
    """Return a tab of whoever is asking. Raises: InvalidInput."""
    if TAB_ID.fullmatch(tab_id) is None:
        raise InvalidInput("A tab id is up to 64 letters, digits, lines and underscores.")
    user = principal.user
    return Holder(user.id, user.username, principal.session_id, principal.key_id, tab_id)


async def _read_body(request: Request) -> str:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY_BYTES:
            raise PayloadTooLarge(f"This takes at most {LARGEST_BODY_BYTES} bytes.")
    return body.decode("utf-8", errors="replace").strip()


def _tab_in(body: str) -> str:
    """Return the tab that a body names: an object with it, or the id alone."""
    if not body.startswith("{"):
        return body
    try:
        tab_id = json.loads(body).get("tab_id", "")
    except (ValueError, RecursionError) as error:
        raise InvalidInput("The body is no JSON object.") from error
    if not isinstance(tab_id, str):
        raise InvalidInput("tab_id is a text.")
    return tab_id


HolderDep = Annotated[Holder, Depends(find_holder)]
LockToken = Annotated[
    int | None,
    Header(alias="Lock-Token", ge=1, lt=2**63, description="`token` of the lock that the edit was made under."),
]
