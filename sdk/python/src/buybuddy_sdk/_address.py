"""Where a platform is and what calls are signed with, judged before anything is sent."""

import re
from urllib.parse import urlsplit

from buybuddy_sdk.errors import InvalidInput

API_PREFIX = "/api/v1"


def checked_url(url: str) -> str:
    """Return a platform's address without the slash at its end. Raises: InvalidInput."""
    text = url.strip().rstrip("/")
    shown = re.sub(r"[^/]*@", "", text)  # without a name and a password
    if not re.match(r"https?://", text, re.I):
        rest = shown.rpartition("://")[2] or "127.0.0.1:8000"
        raise InvalidInput(
            f"{shown!r} is no address of a platform: it begins with http:// or https://, as in http://{rest}."
        )
    try:
        parts = urlsplit(text)
        is_complete = bool(parts.hostname) and (parts.port or 0) >= 0
    except ValueError:
        is_complete = False
    if not is_complete or re.search(r"\s", text) or parts.query or parts.fragment:
        raise InvalidInput(f"{shown!r} is no address of a platform, which looks like http://127.0.0.1:8000.")
    if text.endswith(API_PREFIX):
        root = shown.removesuffix(API_PREFIX)
        raise InvalidInput(f"{shown} is where the API is: give the platform's own address, {root}.")
    return text


def checked_token(token: str) -> str:
    """Return what signs calls. Raises: InvalidInput, which does not repeat it, when no header can carry it."""
    if not re.fullmatch(r"[!-~]+", token):
        raise InvalidInput("The API key holds blanks or letters that no key has; copy it again, from bbk_ to its end.")
    return token
