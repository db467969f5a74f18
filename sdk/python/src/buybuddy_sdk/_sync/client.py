# Generated from _async/client.py by scripts/generate.py, not to be edited.
"""The client: one platform, as one person or program uses it."""

import os
import uuid
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from buybuddy_sdk._address import checked_token, checked_url
from buybuddy_sdk._files import FilePath, Form
from buybuddy_sdk._page import Ref, id_of
from buybuddy_sdk._retry import Options
from buybuddy_sdk._sync.accounts import ApiKeys, Audit, Auth, Users
from buybuddy_sdk._sync.augmentation import Augmentation
from buybuddy_sdk._sync.collaboration import Locks, Notifications, Presence
from buybuddy_sdk._sync.datasets import Datasets
from buybuddy_sdk._sync.embeddings import Embeddings, Indexes
from buybuddy_sdk._sync.encoders import Encoders
from buybuddy_sdk._sync.events import EventStream
from buybuddy_sdk._sync.jobs import Jobs
from buybuddy_sdk._sync.matching import Matching
from buybuddy_sdk._sync.photos import Photos
from buybuddy_sdk._sync.products import Products
from buybuddy_sdk._sync.transport import Call, Transport
from buybuddy_sdk._sync.videos import Videos
from buybuddy_sdk._version import VERSION
from buybuddy_sdk.models import DashboardOut, SearchOut

SEARCH_SILENCE_S = 120.0


class Client:
    """Calls the API of a running platform; a context manager.

    Every call raises BuybuddyError or one of its kinds. Calls that can be sent twice without harm are tried again,
    with growing pauses, when the platform cannot be reached or asks to come back later.

    Args:
        url: e.g. `http://127.0.0.1:8000`.
        api_key: `bbk_...`; without one, sign in with `client.auth.login`.
        options: timeouts, deadline and retries; see `with_options`.
        transport: how httpx sends; for tests and proxies.
    Raises: InvalidInput when the address or the key can be none.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        *,
        options: Options | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        url, api_key = checked_url(url), checked_token(api_key) if api_key else None
        http = httpx.Client(
            base_url=url,
            headers={"User-Agent": f"buybuddy-sdk/{VERSION}"},
            cookies=None,
            transport=transport,
        )
        self._tab_id = f"sdk-{uuid.uuid4().hex[:16]}"
        self._use(Transport(http, options or Options()))
        if api_key:
            self._transport.use_token(api_key)

    @classmethod
    def from_env(cls) -> Self:
        """Build a client from BUYBUDDY_SERVER and BUYBUDDY_API_KEY."""
        return cls(os.environ.get("BUYBUDDY_SERVER") or "http://127.0.0.1:8000", os.environ.get("BUYBUDDY_API_KEY"))

    def _use(self, transport: Transport) -> None:
        self._transport = transport
        self.jobs = Jobs(transport)
        self.products = Products(transport, self.jobs)
        self.videos = Videos(transport, self.jobs)
        self.photos = Photos(transport)
        self.datasets = Datasets(transport)
        self.augmentation = Augmentation(transport)
        self.encoders = Encoders(transport, self.jobs)
        self.embeddings = Embeddings(transport, self.jobs)
        self.indexes = Indexes(transport, self.jobs)
        self.locks = Locks(transport, self._tab_id)
        self.matching = Matching(transport, self.jobs, self.locks)
        self.presence = Presence(transport, self._tab_id)
        self.notifications = Notifications(transport)
        self.auth = Auth(transport)
        self.users = Users(transport)
        self.api_keys = ApiKeys(transport)
        self.audit = Audit(transport)

    @property
    def url(self) -> str:
        """The platform's address."""
        return self._transport.origin

    def with_options(
        self, *, timeout_s: float | None = None, deadline_s: float | None = None, max_retries: int | None = None
    ) -> "Client":
        """Return a client with the same connections and sign-in whose calls are made otherwise.

        Args:
            timeout_s: the longest silence within one try.
            deadline_s: the longest that a call may take with all its tries; not for waiting for jobs.
            max_retries: 0 for none.
        """
        given = {"timeout_s": timeout_s, "deadline_s": deadline_s, "max_retries": max_retries}
        changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        other = Client.__new__(Client)
        other._tab_id = self._tab_id
        other._use(Transport(self._transport.http, replace(self._transport.options, **changes)))
        return other

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.http.close()

    def search(self, photo: FilePath, k: int = 10, *, index: Ref | None = None) -> SearchOut:
        """Find the products that a photo shows, nearest first.

        Args:
            index: a published one; else the one that serves, or the living vectors.
        """
        form = Form((("photo", Path(photo)),), {} if index is None else {"index": id_of(index)})
        call = Call("POST", "/search", params={"k": k}, form=form, is_repeatable=True, silence_s=SEARCH_SILENCE_S)
        return self._transport.read(SearchOut, call)

    def dashboard(self) -> DashboardOut:
        """Return counts with last week's change, running jobs and recent activity."""
        return self._transport.get(DashboardOut, "/dashboard")

    def events(self, topics: Collection[str] | None = None, *, last_id: int | None = None) -> EventStream:
        """Follow changes as they are committed: of these topics, or of all; `last_id` replays what was missed."""
        return EventStream(self._transport, topics, last_id)

    def open_link(self, link: str) -> bytes:
        """Return what a signed link opens: every `*_url` in an answer."""
        return (self._transport.send(Call("GET", link))).content

    def request(
        self, method: str, path: str, *, params: Mapping[str, object] | None = None, json: object = None
    ) -> Any:
        """Send a call that has no method of its own here; `path` is below `/api/v1`. Returns the JSON, None if none."""
        return self._transport.read_json(Call(method, path, params=params or {}, json=json))
