"""Lists of products: filtered, searched, sorted, counted, without ever reading the whole catalogue (sql.py)."""

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Select, false, literal, select
from sqlalchemy.sql.visitors import ExternallyTraversible, replacement_traverse

from buybuddy.domain.products.lists.filters import ProductFilters, ProductSort
from buybuddy.domain.products.lists.sql import (
    ORDERS,
    TRIED_FIRST_AT_MOST,
    Shape,
    all_hits_sql,
    filter_conditions,
    hit_ids,
    hits_sql,
    narrow_count_sql,
    narrow_sql,
    narrow_up_to,
    plain_sql,
    walk_sql,
)
from buybuddy.domain.products.tables import Product
from buybuddy.infra.db import Session
from buybuddy.infra.db.pages import Count, Slice, Window, decode_cursor, slice_of
from buybuddy.infra.db.prepared import sql_of
from buybuddy.infra.db.reader import Reader
from buybuddy.infra.db.tallies import tally_of

SHORTEST_PREFIX = 3
SHORTEST_CORRECTED = 4
LEAST_DENSE = 2_000  # hits; fewer are collected sooner than they could be met by chance
MARGIN = 1.5  # how much longer a walk may be than it is on average
WHOLE_CODE = re.compile(r"[0-9]{3,32}")
LETTERED_CODE = re.compile(r"(?=[A-Za-z]*[0-9])[0-9A-Za-z]{3,32}")
CODE_IN_PHRASE = re.compile(r"[0-9]{8,32}")
COUNT_SQL = sql_of(select(tally_of("products").label("n")))
WORDS_SQL = "SELECT words_of(%(search)s) AS words"
# For each word that no product's word begins with: the three that are most like it.
SIMILAR_SQL = """
SELECT asked.word AS asked, ARRAY(
    SELECT s.word FROM search_words s WHERE s.word %% asked.word
    ORDER BY similarity(s.word, asked.word) DESC, s.word LIMIT 3
) AS near
FROM unnest(%(words)s::text[]) AS asked (word)
WHERE NOT EXISTS (SELECT 1 FROM search_words s WHERE s.word >= asked.word AND s.word < asked.word || chr(1114111))
"""


@dataclass(frozen=True)
class Terms:
    """A search, taken apart: a tsquery over the words of products, and barcodes' beginnings.

    Args:
        codes: each must begin one; with `is_either`, any of them does.
        is_either: a search that is digits, or one word with a digit in it, may be a barcode's beginning or a word.
        corrected: what was searched for instead, when a word of the search is in no product.
    """

    words: str
    codes: tuple[str, ...] = ()
    is_either: bool = False
    corrected: str | None = None


@dataclass(frozen=True)
class ProductPage:
    """One page of rows with sql.ROW_COLUMNS, by name."""

    found: Slice[Any]
    corrected_search: str | None = None


async def list_rows(reader: Reader, filters: ProductFilters, sort: ProductSort, window: Window) -> ProductPage:
    """Return one page. Raises: BadCursor, Unavailable."""
    if not filters.has_search:
        values = {**values_of(filters, None, sort, window), **_tally_of(filters)}
        rows = await reader.rows(plain_sql(shape_of(filters, None, sort, window)), values)
        n = rows[0].n if rows else (await reader.rows(COUNT_SQL, values))[0].n
        return ProductPage(slice_of(rows, ORDERS[sort], window, Count(int(n))))
    words = await words_of(reader, filters)
    terms = take_apart(filters.search or "", words)
    if terms is None:
        return ProductPage(Slice([], 0, True, None))
    page = await _search(reader, filters, terms, sort, window)
    if page.found.total == 0 and (corrected := await correct(reader, words)) is not None:
        other = await _search(reader, filters, corrected, sort, window)
        return other if other.found.total else page
    return page


async def selection(session: Session, filters: ProductFilters) -> Select[uuid.UUID]:
    """Return a statement for the ids of every product that fits, for work on all of them."""
    terms = None
    if filters.has_search:
        connection = await session.connection()
        words = (await connection.exec_driver_sql(WORDS_SQL, {"search": filters.search})).scalar_one()
        terms = take_apart(filters.search or "", words)
        if terms is None:
            return select(Product.id).where(false())
    shape = shape_of(filters, terms, "-created_at", Window())
    statement = select(Product.id).where(*filter_conditions(shape))
    if terms is not None:
        statement = statement.where(Product.id.in_(hit_ids(shape)))
    values = values_of(filters, terms, "-created_at", Window())

    def filled(part: ExternallyTraversible, **_: object) -> ColumnElement[Any] | None:
        return literal(values[part.key], part.type) if isinstance(part, BindParameter) and part.key in values else None

    # Not params(): SQLAlchemy loses those of a statement that becomes a part of another one.
    bound: Select[uuid.UUID] = replacement_traverse(statement, {}, filled)  # type: ignore[call-overload]  # any part
    return bound


def take_apart(search: str, words: Sequence[str]) -> Terms | None:
    """Return what a search asks for; None when it holds no word at all.

    Args:
        words: of the search, as the database's words_of() gives them: folded, with no quote or backslash in them.
    """
    whole = search.replace(" ", "")
    if WHOLE_CODE.fullmatch(whole):
        return Terms(_prefix(whole), (whole,), is_either=True)
    if not words:
        return None
    if LETTERED_CODE.fullmatch(typed := search.strip()):
        # Not folded: barcodes keep the case that they were given, mostly the upper one.
        variants = tuple(dict.fromkeys((typed, typed.upper(), typed.lower())))
        return Terms(" & ".join(_prefix(word) for word in words), variants, is_either=True)
    codes = _codes_in(words)
    return Terms(" & ".join(_prefix(word) for word in words if word not in codes), codes)


def _codes_in(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(word for word in words if CODE_IN_PHRASE.fullmatch(word))


def _prefix(word: str) -> str:
    """Return the tsquery of one word; a short one is found whole, or it would find half the catalogue."""
    return f"'{word}':*" if len(word) >= SHORTEST_PREFIX else f"'{word}'"


def _whole(word: str) -> str:
    return f"'{word}'"


async def words_of(reader: Reader, filters: ProductFilters) -> Sequence[str]:
    """Return the words of the search, folded as the catalogue's are."""
    return (await reader.rows(WORDS_SQL, {"search": filters.search}))[0].words or []


async def correct(reader: Reader, words: Sequence[str]) -> Terms | None:
    """Replace words that no product has by the most similar that one has; None when nothing can be replaced."""
    long = [word for word in words if len(word) >= SHORTEST_CORRECTED and not word.isdigit()]
    near = {row.asked: row.near for row in await reader.rows(SIMILAR_SQL, {"words": long}) if row.near}
    if not near:
        return None
    codes = _codes_in(words)
    queries = [
        "(" + " | ".join([_prefix(word), *(f"'{other}'" for other in near.get(word, []))]) + ")"
        for word in words
        if word not in codes
    ]
    corrected = " ".join(near[word][0] if word in near else word for word in words)
    return Terms(" & ".join(queries), codes, corrected=corrected)


async def _search(
    reader: Reader, filters: ProductFilters, terms: Terms, sort: ProductSort, window: Window
) -> ProductPage:
    shape, values = shape_of(filters, terms, sort, window), values_of(filters, terms, sort, window)
    n_expected = await _expect_dense_hits(reader, filters, shape, values)
    if n_expected is not None:
        rows = await reader.rows(walk_sql(shape, TRIED_FIRST_AT_MOST), values)
        if len(rows) > window.limit:
            count = Count(_rounded_down(n_expected), is_exact=False)
            return ProductPage(slice_of(rows, ORDERS[sort], window, count), terms.corrected)
    rows = await reader.rows(narrow_sql(shape), values)
    counted = rows[0] if rows else (await reader.rows(narrow_count_sql(shape), values))[0]
    count = Count(min(counted.n, narrow_up_to(ORDERS[sort], shape.has_offset)), counted.is_whole)
    if not count.is_exact:
        rows = await reader.rows(walk_sql(shape), values)
        if len(rows) <= window.limit:
            rows = await reader.rows(all_hits_sql(shape), values)
    return ProductPage(slice_of(rows, ORDERS[sort], window, count), terms.corrected)


async def _expect_dense_hits(
    reader: Reader, filters: ProductFilters, shape: Shape, values: Mapping[str, object]
) -> int | None:
    """Return how many hits the planner expects, if they lie so close in the order that a short walk meets a page full.

    Collecting ten thousand hits takes longer than meeting fifty of them on the way. By name they lie side by side.
    """
    if shape.has_offset or shape.n_codes or not shape.has_words or ORDERS[shape.order].columns[0].key == "name_key":
        return None
    n_hits = await reader.estimate(hits_sql(shape), values)
    if n_hits < LEAST_DENSE:
        return None
    n_rows = int((await reader.rows(COUNT_SQL, _tally_of(filters)))[0].n)
    is_dense = n_hits * TRIED_FIRST_AT_MOST >= MARGIN * (shape.limit + 1) * n_rows
    return n_hits if is_dense else None


def _rounded_down(n_expected: int) -> int:
    """Return a round number that is most likely exceeded, to say "more than": of 14,390 expected, 10,000."""
    n = int(n_expected * 0.8)
    unit: int = 10 ** (len(str(n)) - 1)
    return n // unit * unit


def _tally_of(filters: ProductFilters) -> dict[str, object]:
    """Return which tally counts the products that fit filters without a search."""
    if filters.status is not None and filters.category is not None:
        return {"facet": "status_category", "tally_key": f"{filters.status}\t{filters.category}"}
    if filters.status is not None:
        return {"facet": "status", "tally_key": filters.status}
    if filters.category is not None:
        return {"facet": "category", "tally_key": filters.category}
    return {"facet": "total", "tally_key": ""}


def shape_of(filters: ProductFilters, terms: Terms | None, sort: ProductSort, window: Window) -> Shape:
    """Return what the statement of a request depends on."""
    return Shape(
        order=sort,
        has_status=filters.status is not None,
        has_category=bool(filters.category),
        is_uncategorised=filters.category == "",
        has_words=bool(terms and terms.words),
        n_codes=len(terms.codes) if terms else 0,
        is_either=bool(terms and terms.is_either),
        has_cursor=window.cursor is not None,
        has_offset=window.cursor is None and window.page > 1,
        limit=window.limit,
    )


def values_of(filters: ProductFilters, terms: Terms | None, sort: ProductSort, window: Window) -> dict[str, object]:
    """Return a value for each parameter that the statement of this shape has."""
    values: dict[str, object] = {}
    if filters.status is not None:
        values["status"] = filters.status
    if filters.category:
        values["category"] = filters.category
    if terms is not None:
        values["words"] = terms.words
        values.update({f"code_{number}": f"{code}%" for number, code in enumerate(terms.codes)})
    if window.cursor is not None:
        values["after_key"], values["after_id"] = decode_cursor(window.cursor, ORDERS[sort])
    elif window.page > 1:
        values["offset"] = (window.page - 1) * window.limit
    return values
