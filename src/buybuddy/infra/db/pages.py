"""One page of a long list: by number near its beginning, by cursor anywhere; counts that never read a whole table."""

import base64
import binascii
import datetime as dt
import json
import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from sqlalchemy import BigInteger, ScalarSelect, Select, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.elements import KeyedColumnElement
from sqlalchemy.types import TypeEngine

from buybuddy.errors import InvalidInput

DEEPEST_ROW = 10_000
COUNTED_UP_TO = 10_000

RowT = TypeVar("RowT")
AnySelect: TypeAlias = Select[*tuple[Any, ...]]


class BadCursor(InvalidInput):
    """A cursor that we did not give, or gave for another order."""

    code = "BAD_CURSOR"


@dataclass(frozen=True)
class Window:
    """Which part of a list is asked for: page `page` of `limit` rows, or the `limit` rows after a cursor."""

    page: int = 1
    limit: int = 50
    cursor: str | None = None

    def __post_init__(self) -> None:
        if self.cursor is None and self.page * self.limit > DEEPEST_ROW:
            raise InvalidInput(f"Pages go down to row {DEEPEST_ROW}; follow next_cursor to go deeper, or filter.")


@dataclass(frozen=True)
class Order:
    """How a list is sorted.

    Args:
        name: what a cursor remembers it by.
        columns: never NULL, the last one unique; an index on just these, in this order, serves it.
    """

    name: str
    columns: tuple[InstrumentedAttribute[Any] | KeyedColumnElement[Any], ...]
    is_descending: bool = False


@dataclass(frozen=True)
class Slice(Generic[RowT]):
    """Rows of a list, how many it has in all, and where it goes on; `total` is a lower bound unless it is exact."""

    rows: Sequence[RowT]
    total: int
    is_total_exact: bool
    next_cursor: str | None


@dataclass(frozen=True)
class Count:
    n: int
    is_exact: bool = True


async def read_page(
    session: AsyncSession,
    statement: Select[RowT],
    order: Order,
    window: Window,
    *,
    count: Count | None = None,
) -> Slice[RowT]:
    """Read one page of the entities that a statement selects.

    Args:
        statement: the filtered selection of one mapped class, unordered.
        count: how many there are, where that is known; else they are counted, up to COUNTED_UP_TO.
    Raises: BadCursor.
    """
    page = windowed(statement, order, window)
    if count is not None:
        return slice_of((await session.scalars(page)).all(), order, window, count)
    # In one round trip with the rows; a page without rows is the first of an empty list, or lies behind its end.
    found = (await session.execute(page.add_columns(_bounded_count(statement, COUNTED_UP_TO)))).all()
    if not found:
        return slice_of([], order, window, await count_up_to(session, statement))
    return slice_of([row[0] for row in found], order, window, _count_of(found[0][1], COUNTED_UP_TO))


def windowed(statement: AnySelect, order: Order, window: Window) -> AnySelect:
    """Return the statement sorted and cut to the window and one row more, which tells whether the list goes on."""
    if window.cursor is not None:
        position = tuple_(*(literal(value) for value in decode_cursor(window.cursor, order)))
        columns = tuple_(*order.columns)
        statement = statement.where(columns < position if order.is_descending else columns > position)
    else:
        statement = statement.offset((window.page - 1) * window.limit)
    sorting = (column.desc() if order.is_descending else column.asc() for column in order.columns)
    return statement.order_by(*sorting).limit(window.limit + 1)


def slice_of(rows: Sequence[RowT], order: Order, window: Window, count: Count) -> Slice[RowT]:
    """Build the slice from what a windowed statement gave: `limit` rows or one more."""
    shown = rows[: window.limit]
    goes_on = len(rows) > window.limit
    next_cursor = (
        encode_cursor(order, [getattr(shown[-1], column.key) for column in order.columns]) if goes_on else None
    )
    return Slice(shown, count.n, count.is_exact, next_cursor)


async def count_up_to(session: AsyncSession, statement: AnySelect, limit: int = COUNTED_UP_TO) -> Count:
    """Count what a statement selects; beyond `limit` the count says only that there are more."""
    return _count_of(await session.scalar(select(_bounded_count(statement, limit))) or 0, limit)


def _bounded_count(statement: AnySelect, limit: int) -> ScalarSelect[int]:
    some = statement.with_only_columns(literal(1), maintain_column_froms=True).order_by(None).limit(limit + 1)
    return select(func.count()).select_from(some.subquery()).scalar_subquery()


def _count_of(n: int, limit: int) -> Count:
    return Count(min(n, limit), n <= limit)


def encode_cursor(order: Order, values: Sequence[object]) -> str:
    """Return an opaque text for a position in an order."""
    plain = [value.isoformat() if isinstance(value, dt.datetime) else value for value in values]
    text = json.dumps([order.name, *plain], default=str, separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str, order: Order) -> list[object]:
    """Return the values of the order's columns at a cursor. Raises: BadCursor."""
    try:
        name, *values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if name != order.name or len(values) != len(order.columns):
            raise BadCursor("This cursor belongs to another order of the list; begin again without it.")
        return [_as(column.type, value) for column, value in zip(order.columns, values, strict=True)]
    except (ValueError, TypeError, binascii.Error, OverflowError) as error:
        raise BadCursor("This cursor is none of ours; begin again without it.") from error


def _as(column_type: TypeEngine[Any], value: object) -> object:
    kind = column_type.python_type
    if kind is dt.datetime and isinstance(value, str):
        moment = dt.datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("a cursor's time has a zone")
        return moment
    if kind is uuid.UUID and isinstance(value, str):
        return uuid.UUID(value)
    if kind is str and isinstance(value, str) and "\x00" not in value:
        value.encode()  # half of a surrogate pair is a ValueError
        return value
    if kind is float and isinstance(value, float) and math.isfinite(value):
        return value
    if kind is int and type(value) is int and abs(value) < 2 ** (63 if isinstance(column_type, BigInteger) else 31):
        return value
    raise ValueError(f"{value!r} is no {kind.__name__}")
