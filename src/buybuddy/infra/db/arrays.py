"""Conditions over many values, sent as one array: a parameter of its own for each value costs milliseconds."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, all_, any_, cast
from sqlalchemy.dialects.postgresql import ARRAY


def is_one_of(column: ColumnElement[Any] | Any, values: Iterable[Any]) -> ColumnElement[bool]:
    """Return the condition that a column holds one of the values, which are of its type."""
    return column == any_(cast(list(values), ARRAY(column.type)))


def is_none_of(column: ColumnElement[Any] | Any, values: Iterable[Any]) -> ColumnElement[bool]:
    """Return the condition that a column holds none of the values, which are of its type."""
    return column != all_(cast(list(values), ARRAY(column.type)))
