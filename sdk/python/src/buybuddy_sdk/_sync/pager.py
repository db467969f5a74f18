# Generated from _async/pager.py by scripts/generate.py, not to be edited.
"""Lists that go on by themselves."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic

from buybuddy_sdk._page import ItemT, Page
from buybuddy_sdk._sync.transport import Call, Transport

PAGE_SIZE = 100


class Pager(Generic[ItemT]):
    """Every item of a list, read page by page as it is iterated over; nothing is asked before.

    Args:
        make: builds an item from its document.
    """

    def __init__(
        self,
        transport: Transport,
        path: str,
        make: Callable[[Any], ItemT],
        params: Mapping[str, object],
        *,
        page_size: int = PAGE_SIZE,
    ) -> None:
        self._transport, self._path, self._make = transport, path, make
        self._params, self._page_size = params, page_size

    def __iter__(self) -> Iterator[ItemT]:
        for page in self.pages():
            for item in page.items:
                yield item

    def pages(self) -> Iterator[Page[ItemT]]:
        """Yield page after page."""
        page = self.page()
        yield page
        while page.next_cursor is not None:
            page = self.page(page.next_cursor)
            yield page

    def page(self, cursor: str | None = None) -> Page[ItemT]:
        """Return the first page, or the one that a `next_cursor` leads to."""
        params = {**self._params, "limit": self._page_size, "cursor": cursor}
        return self._transport.read_as(self._page_of, Call("GET", self._path, params=params))

    def _page_of(self, answer: Any) -> Page[ItemT]:
        return Page(
            items=[self._make(item) for item in answer["items"]],
            total=answer["total"],
            is_total_exact=answer.get("is_total_exact", True),
            next_cursor=answer.get("next_cursor"),
            corrected_search=answer.get("corrected_search"),
        )

    def first(self) -> ItemT | None:
        """Return the first item; None when there is none."""
        for item in self:
            return item
        return None

    def to_list(self) -> list[ItemT]:
        """Return all items."""
        return [item for item in self]
