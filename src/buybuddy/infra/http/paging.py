"""Lists answer in pages."""

from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel

PageQuery = Annotated[int, Query(ge=1, le=1_000_000, description="From 1.")]
LimitQuery = Annotated[int, Query(ge=1, le=100)]

ItemT = TypeVar("ItemT")


class Page(BaseModel, Generic[ItemT]):
    items: list[ItemT]
    total: int
    page: int
    limit: int


def page_of(items: list[ItemT], *, total: int, page: int, limit: int) -> Page[ItemT]:
    """Build one page."""
    return Page(items=items, total=total, page=page, limit=limit)
