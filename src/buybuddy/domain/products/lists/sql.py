"""The statements of product lists, built once for each shape of a request and remembered as text.

A search has two shapes. A narrow one (at most narrow_up_to() hits) collects its hits from the word index and sorts
them. A broad one would collect too many, but then hits are dense, so walking the index of the order finds a page soon;
the rare page that a walk does not fill is collected after all. docs/decisions/0011-search-in-the-catalogue.md has what
was measured.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Integer,
    Select,
    Subquery,
    Text,
    Uuid,
    and_,
    bindparam,
    cast,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
    tuple_,
    union,
)
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.sql.selectable import SelectBase

from buybuddy.domain.products.tables import Product, ProductBarcode, ProductImage
from buybuddy.infra.db.pages import AnySelect, Order
from buybuddy.infra.db.prepared import sql_of
from buybuddy.infra.db.tallies import tally_of

NARROW_UP_TO = 20_000
# By name a word's hits lie side by side, and a page by number may lie deep: a walk would meet too few, or too late.
NARROW_WHERE_NO_WALK_UP_TO = 60_000
NARROW_CODES_UP_TO = 2_000
WALKED_AT_MOST = 20_000
TRIED_FIRST_AT_MOST = 10_000  # rows of a walk that saves the collecting

ORDERS: dict[str, Order] = {
    name: Order(name, (sort_column, Product.id), name.startswith("-"))
    for key, sort_column in (
        ("created_at", Product.created_at),
        ("updated_at", Product.updated_at),
        ("product_name", Product.name_key),
        ("brand_name", Product.brand_key),
        ("frame_count", Product.frame_count),
    )
    for name in (key, f"-{key}")
}
ROW_COLUMNS = (
    Product.id, Product.barcodes, Product.brand_name, Product.sub_brand, Product.product_name, Product.variant_flavor,
    Product.category, Product.container_type, Product.net_quantity, Product.status, Product.frame_count,
    Product.real_count, Product.augmented_count, Product.visibility_score, Product.version, Product.created_at,
    Product.updated_at, ProductImage.storage_key, ProductImage.thumbnail_key,
)  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """What a request has, whatever the values: two requests of one shape ask the same statement.

    Args:
        is_uncategorised: only products without a category.
        n_codes: beginnings of barcodes in the search.
        is_either: the search as a whole is any of the codes or a word; else it is the words and each of the codes.
        limit: part of the text, so that the server can plan the statement once for all values.
    """

    order: str = "-created_at"
    has_status: bool = False
    has_category: bool = False
    is_uncategorised: bool = False
    has_words: bool = False
    n_codes: int = 0
    is_either: bool = False
    has_cursor: bool = False
    has_offset: bool = False
    limit: int = 50


def narrow_up_to(order: Order, has_offset: bool) -> int:
    """Return how many hits are collected before a search counts as broad."""
    is_by_name = order.columns[0].key in ("name_key", "brand_key")
    return NARROW_WHERE_NO_WALK_UP_TO if is_by_name or has_offset else NARROW_UP_TO


@lru_cache(1024)
def plain_sql(shape: Shape) -> str:
    """A page without a search, with `n`. Ids first: the index alone tells them, however far down the page is."""
    order = ORDERS[shape.order]
    ids = _windowed(select(Product.id).where(*filter_conditions(shape)), order, shape)
    return sql_of(_rows_of(ids, order).add_columns(tally_of("products").label("n")))


@lru_cache(1024)
def narrow_sql(shape: Shape) -> str:
    """A page of the collected hits, with `n` and `is_whole`: not whole when only the first hits were collected."""
    order = ORDERS[shape.order]
    collected = _collect(shape, order)
    keys = tuple(collected.hits.c[column.key] for column in order.columns)
    ids = _windowed(select(collected.hits.c.id), Order(order.name, keys, order.is_descending), shape)
    return sql_of(_rows_of(ids, order).add_columns(collected.n.label("n"), collected.is_whole.label("is_whole")))


@lru_cache(1024)
def narrow_count_sql(shape: Shape) -> str:
    """The same counts for a page that has no rows."""
    collected = _collect(shape, ORDERS[shape.order])
    return sql_of(select(collected.n.label("n"), collected.is_whole.label("is_whole")))


@lru_cache(1024)
def hits_sql(shape: Shape) -> str:
    """All hits in no order, for the planner to say how many it expects."""
    return sql_of(select(Product.id).where(*filter_conditions(shape), *_word_conditions(shape)))


@lru_cache(1024)
def walk_sql(shape: Shape, at_most: int = WALKED_AT_MOST) -> str:
    """A page of a broad search, as far as so many rows of the order hold it."""
    order = ORDERS[shape.order]
    seen = select(Product.id, Product.words, Product.barcodes, *order.columns[:-1]).where(*filter_conditions(shape))
    near = _sorted(_after_cursor(seen, order, shape), order).limit(literal_column(str(at_most))).subquery("near")
    return sql_of(_rows_of(_cut(select(near.c.id).where(_fits(near, shape)), shape), order))


@lru_cache(1024)
def all_hits_sql(shape: Shape) -> str:
    """A page of a search from all its hits, however many those are."""
    order = ORDERS[shape.order]
    hits = select(Product.id).where(*filter_conditions(shape))
    if shape.is_either:
        hits = hits.where(Product.id.in_(hit_ids(shape)))
    else:
        hits = hits.where(*_word_conditions(shape), *_code_conditions(shape))
    return sql_of(_rows_of(_windowed(hits, order, shape), order))


@lru_cache(1024)
def facets_sql(shape: Shape) -> str:
    """How many of the collected hits have each status and category, and whether those are all hits."""
    collected = _collect(shape, Order("facets", (Product.status, Product.category, Product.id)))
    hits = collected.hits
    category = func.coalesce(hits.c.category, literal_column("''"))
    counted = select(
        hits.c.status, category.label("category"), func.count().label("n"), collected.is_whole.label("is_whole")
    )
    return sql_of(counted.group_by(hits.c.status, hits.c.category))


def filter_conditions(shape: Shape) -> list[ColumnElement[bool]]:
    """Return the conditions of all but the search."""
    conditions = []
    if shape.has_status:
        conditions.append(Product.status == bindparam("status", type_=Text))
    if shape.has_category:
        conditions.append(Product.category == bindparam("category", type_=Text))
    if shape.is_uncategorised:
        conditions.append(or_(Product.category.is_(None), Product.category == literal_column("''", Text)))
    return conditions


def hit_ids(shape: Shape) -> SelectBase:
    """Return the ids of all that a search finds, filters apart; each part has an index of its own."""
    if shape.is_either:
        return union(select(Product.id).where(*_word_conditions(shape)), _with_any_code(shape))
    return select(Product.id).where(*_word_conditions(shape), *_code_conditions(shape))


@dataclass(frozen=True)
class Collected:
    """The hits of a search with what sorts them; of too many only the first are there, and it is not whole."""

    hits: CTE
    n: ColumnElement[int]
    is_whole: ColumnElement[bool]


def _collect(shape: Shape, order: Order) -> Collected:
    keys = [column.label(column.key) for column in order.columns]
    filters, narrow = filter_conditions(shape), literal_column(str(narrow_up_to(order, shape.has_offset)), Integer)
    conditions = [*filters, *_word_conditions(shape), *([] if shape.is_either else _code_conditions(shape))]
    by_words = _cte(select(*keys).where(*conditions).limit(narrow + literal_column("1", Integer)), "by_words")
    n_by_words = _count_of(by_words)
    if not shape.is_either:
        return Collected(by_words, n_by_words, n_by_words <= narrow)
    few = literal_column(str(NARROW_CODES_UP_TO), Integer)
    coded = _cte(_with_any_code(shape).limit(few + literal_column("1", Integer)), "coded")
    by_code = select(*keys).join(coded, coded.c.product_id == Product.id).where(*filters)
    hits = _cte(union(select(by_words), by_code), "hits")
    return Collected(hits, _count_of(hits), and_(n_by_words <= narrow, _count_of(coded) <= few))


def _word_conditions(shape: Shape) -> list[ColumnElement[bool]]:
    return [Product.words.op("@@")(_words())] if shape.has_words else []


def _words() -> ColumnElement[Any]:
    return cast(bindparam("words", type_=Text), TSQUERY)


def _code(number: int) -> ColumnElement[str]:
    return bindparam(f"code_{number}", type_=Text)


def _with_code(number: int) -> Select[Any]:
    return select(ProductBarcode.product_id).where(ProductBarcode.barcode.like(_code(number)))


def _with_any_code(shape: Shape) -> Select[Any]:
    begins = [ProductBarcode.barcode.like(_code(number)) for number in range(shape.n_codes)]
    return select(ProductBarcode.product_id).where(or_(*begins))


def _code_conditions(shape: Shape) -> list[ColumnElement[bool]]:
    return [Product.id.in_(_with_code(number)) for number in range(shape.n_codes)]


def _fits(rows: Subquery, shape: Shape) -> ColumnElement[bool]:
    """Return whether a row at hand, with `words` and `barcodes`, fits the search."""
    by_words: ColumnElement[bool] = rows.c.words.op("@@")(_words()) if shape.has_words else true()
    by_codes = [_carries(rows, number) for number in range(shape.n_codes)]
    return or_(by_words, *by_codes) if shape.is_either else and_(by_words, *by_codes)


def _carries(rows: Subquery, number: int) -> ColumnElement[bool]:
    carried = func.unnest(rows.c.barcodes, type_=Text).column_valued("carried")
    return exists(select(carried).where(carried.like(_code(number))))


def _windowed(statement: AnySelect, order: Order, shape: Shape) -> AnySelect:
    """Cut a selection to the page and one row more, which tells whether the list goes on."""
    return _cut(_sorted(_after_cursor(statement, order, shape), order), shape)


def _cut(statement: AnySelect, shape: Shape) -> AnySelect:
    cut = statement.limit(literal_column(str(shape.limit + 1), Integer))
    return cut.offset(bindparam("offset", type_=Integer)) if shape.has_offset else cut


def _after_cursor(statement: AnySelect, order: Order, shape: Shape) -> AnySelect:
    if not shape.has_cursor:
        return statement
    position = tuple_(bindparam("after_key", type_=order.columns[0].type), bindparam("after_id", type_=Uuid()))
    columns = tuple_(*order.columns)
    return statement.where(columns < position if order.is_descending else columns > position)


def _rows_of(ids: AnySelect, order: Order) -> AnySelect:
    shown = {column.key for column in ROW_COLUMNS}
    keys = [column for column in order.columns if column.key not in shown]
    page = ids.subquery("page")
    picture = ProductImage.id == Product.primary_image_id
    rows = select(*ROW_COLUMNS, *keys).select_from(page).join(Product, Product.id == page.c.id)
    return _sorted(rows.outerjoin(ProductImage, picture), order)


def _sorted(statement: AnySelect, order: Order) -> AnySelect:
    return statement.order_by(*(column.desc() if order.is_descending else column.asc() for column in order.columns))


def _cte(statement: SelectBase, name: str) -> CTE:
    return statement.cte(name).prefix_with("MATERIALIZED")


def _count_of(rows: CTE) -> ColumnElement[int]:
    """Return how many rows there are, counted once however often it is asked for."""
    return select(_cte(select(func.count().label("n")).select_from(rows), f"n_{rows.name}").c.n).scalar_subquery()
