"""Lists answer in pages."""

from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from buybuddy.infra.db.pages import Slice, Window

ItemT = TypeVar("ItemT")


async def window_query(
    page: Annotated[int, Query(ge=1, le=10_000, description="From 1; pages reach the first 10,000 rows.")] = 1,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    cursor: Annotated[
        str | None, Query(max_length=2000, description="`next_cursor` of the page before; `page` is then ignored.")
    ] = None,
) -> Window:
    """Return which part of a list is asked for."""
    return Window(page=page, limit=limit, cursor=cursor)


WindowQuery = Annotated[Window, Depends(window_query)]


class Page(BaseModel, Generic[ItemT]):
    """One page of a list; `total` is at least what there is, and all of it when `is_total_exact`."""

    items: list[ItemT]
    total: int
    is_total_exact: bool
    page: int
    limit: int
    next_cursor: str | None = Field(description="Where the list goes on; null at its end.")


def page_of(items: list[ItemT], found: Slice[Any], window: Window) -> Page[ItemT]:
    """Build the answer from a slice whose rows have been made into items."""
    return Page(
        items=items,
        total=found.total,
        is_total_exact=found.is_total_exact,
        page=window.page,
        limit=window.limit,
        next_cursor=found.next_cursor,
    )


def page_of_all(items: list[ItemT]) -> Page[ItemT]:
    """Build the answer of a list that is always short enough to be given whole."""
    return Page(items=items, total=len(items), is_total_exact=True, page=1, limit=max(len(items), 1), next_cursor=None)
