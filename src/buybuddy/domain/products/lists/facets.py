"""How many products each status and each category has, among those that other filters and a search leave."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from buybuddy.domain.products.lists.filters import ProductFilters, ProductStatus
from buybuddy.domain.products.lists.repository import correct, shape_of, take_apart, values_of, words_of
from buybuddy.domain.products.lists.sql import facets_sql
from buybuddy.infra.db.pages import Window
from buybuddy.infra.db.reader import Reader
from buybuddy.infra.db.tallies import TALLY_SQL

STATUSES: tuple[ProductStatus, ...] = get_args(ProductStatus)
# Keys of the facet status_category are a status, a tab and a category.
OF_CATEGORY_SQL = """
SELECT split_part(key, E'\\t', 1) AS value, sum(n)::bigint AS n FROM tallies
WHERE subject = 'products' AND facet = 'status_category' AND key = ANY(%(keys)s) GROUP BY 1 HAVING sum(n) > 0
"""
OF_STATUS_SQL = """
SELECT substr(key, length(%(status)s::text) + 2) AS value, sum(n)::bigint AS n FROM tallies
WHERE subject = 'products' AND facet = 'status_category' AND starts_with(key, %(status)s || E'\\t')
GROUP BY 1 HAVING sum(n) > 0
"""

FacetCounts = Sequence[tuple[str, int]]
StatusCategoryCount = tuple[str, str, int]


@dataclass(frozen=True)
class Facets:
    """Counts by value, '' for no category, the greatest first; each without its own filter.

    Args:
        is_exact: False when a search finds so much that only a part was counted.
    """

    statuses: FacetCounts
    categories: FacetCounts
    is_exact: bool = True


async def count_facets(reader: Reader, filters: ProductFilters) -> Facets:
    """Count by status and by category; each count leaves its own filter out, so that it can be changed."""
    if not filters.has_search:
        return Facets(
            _sorted(await _tallied_statuses(reader, filters.category)),
            _sorted(await _tallied_categories(reader, filters.status)),
        )
    any_status, any_category = (filters.model_copy(update={name: None}) for name in ("status", "category"))
    by_status, is_exact = await count_hits(reader, any_status)
    by_category, is_exact_too = (
        (by_status, is_exact) if any_status == any_category else await count_hits(reader, any_category)
    )
    return Facets(
        _sorted(_added_up((status, n) for status, _, n in by_status)),
        _sorted(_added_up((category, n) for _, category, n in by_category)),
        is_exact and is_exact_too,
    )


async def count_by_category(reader: Reader) -> FacetCounts:
    """Return each category that products have, with how many have it."""
    return [(value, n) for value, n in await _tallied_categories(reader, None) if value]


async def count_hits(reader: Reader, filters: ProductFilters) -> tuple[list[StatusCategoryCount], bool]:
    """Return how many hits of a search have each status and category, and whether all of them were counted."""
    words = await words_of(reader, filters)
    for terms in (take_apart(filters.search or "", words), await correct(reader, words)):
        if terms is not None:
            shape = shape_of(filters, terms, "-created_at", Window())
            if found := await reader.rows(facets_sql(shape), values_of(filters, terms, "-created_at", Window())):
                return [(row.status, row.category, row.n) for row in found], found[0].is_whole
    return [], True


async def _tallied_statuses(reader: Reader, category: str | None) -> FacetCounts:
    if category is None:
        return _counted(await reader.rows(TALLY_SQL, {"subject": "products", "facet": "status"}), "key")
    keys = [f"{status}\t{category}" for status in STATUSES]
    return _counted(await reader.rows(OF_CATEGORY_SQL, {"keys": keys}), "value")


async def _tallied_categories(reader: Reader, status: str | None) -> FacetCounts:
    if status is None:
        return _counted(await reader.rows(TALLY_SQL, {"subject": "products", "facet": "category"}), "key")
    return _counted(await reader.rows(OF_STATUS_SQL, {"status": status}), "value")


def _counted(rows: Sequence[Any], column: str) -> FacetCounts:
    return [(str(getattr(row, column)), int(row.n)) for row in rows]


def _added_up(counted: Iterable[tuple[str, int]]) -> FacetCounts:
    totals: Counter[str] = Counter()
    for value, n in counted:
        totals[value] += n
    return list(totals.items())


def _sorted(counted: FacetCounts) -> FacetCounts:
    return sorted(counted, key=lambda item: (-item[1], item[0]))
