"""Signed links to objects on the local disk: what S3's presigned URLs are elsewhere."""

import base64
import hashlib
import hmac
import time
from functools import lru_cache

from buybuddy.errors import NotAllowed
from buybuddy.infra.storage.keys import checked_key

LINK_LIFETIME_S = 6 * 3600
LINKS_REMEMBERED = 50_000
MEDIA_ROUTE = "/media"


class LinkSigner:
    """Signs and checks `/media/<expiry>.<signature>/<key>`.

    Expiries are rounded up to the hour, so that a page that asks again gets the same link and the browser its cache.
    """

    def __init__(self, key: bytes) -> None:
        self._key = hashlib.sha256(b"media-link:" + key).digest()
        # A list's links are the same for an hour: remembering them costs less than signing them again.
        self._link = lru_cache(LINKS_REMEMBERED)(self._make_link)

    def sign(self, key: str, *, now_s: float | None = None) -> str:
        """Return a link that works for at least LINK_LIFETIME_S."""
        now = time.time() if now_s is None else now_s
        return self._link(key, (int(now + LINK_LIFETIME_S) // 3600 + 1) * 3600)

    def _make_link(self, key: str, expiry: int) -> str:
        return f"{MEDIA_ROUTE}/{expiry:x}.{self._signature(expiry, key)}/{key}"

    def verify(self, token: str, key: str, *, now_s: float | None = None) -> str:
        """Return the key that the link opens. Raises: NotAllowed, InvalidInput."""
        now = time.time() if now_s is None else now_s
        expiry_text, _, signature = token.partition(".")
        try:
            expiry = int(expiry_text, 16)
        except ValueError:
            raise NotAllowed("This link is not valid.") from None
        if not hmac.compare_digest(signature.encode(), self._signature(expiry, key).encode()):
            raise NotAllowed("This link is not valid.")
        if expiry < now:
            raise NotAllowed("This link has expired; load the page again.")
        return checked_key(key)

    def _signature(self, expiry: int, key: str) -> str:
        digest = hmac.new(self._key, f"{expiry}:{key}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest[:18]).decode()
