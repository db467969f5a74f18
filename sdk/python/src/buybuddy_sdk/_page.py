"""One page of a list, and how ids are given."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeAlias, TypeVar
from urllib.parse import quote

ItemT = TypeVar("ItemT")


class HasId(Protocol):
    """What came from the API with an id."""

    @property
    def id(self) -> uuid.UUID: ...


Ref: TypeAlias = uuid.UUID | str | HasId


@dataclass(frozen=True)
class Page(Generic[ItemT]):
    """One page of a list; `total` is at least what there is, and all of it when `is_total_exact`."""

    items: Sequence[ItemT]
    total: int
    is_total_exact: bool
    next_cursor: str | None
    corrected_search: str | None = None


def id_of(thing: Ref) -> str:
    """Return the id of a thing, or the id itself."""
    return str(thing) if isinstance(thing, (uuid.UUID, str)) else str(thing.id)


def version_of(thing: Ref) -> int | None:
    """Return the version of a thing that was read; None for an id alone (a UUID has a `version`, too: its kind)."""
    return None if isinstance(thing, (uuid.UUID, str)) else getattr(thing, "version", None)


def in_path(value: object) -> str:
    """Return a value as one segment of a path."""
    return quote(str(value), safe="")


def under_lock(token: int | None) -> dict[str, str]:
    """Return the header of an edit that is made under a lock."""
    return {} if token is None else {"Lock-Token": str(token)}


def choice_of(
    things: Iterable[Ref] | None, filters: Mapping[str, str | None], *, may_be_all: bool = False
) -> dict[str, Any]:
    """Return which products a body means: these, or all that fit the filters.

    Raises: ValueError for neither, which would mean the whole catalogue, unless that does no harm.
    """
    if things is not None:
        return {"product_ids": [id_of(thing) for thing in things]}
    given = {name: value for name, value in filters.items() if value is not None}
    if not given and not may_be_all:
        raise ValueError("name the products, or give at least one filter: search, status or category")
    return {"filters": given}
