"""Every kind of list, search and filter that the API answers about a catalogue, each with parameters of its own."""

import random
from collections.abc import Callable
from typing import get_args
from urllib.parse import quote, urlencode

import psycopg

from buybuddy.benchmarks.made_up_words import NOUNS
from buybuddy.benchmarks.seed import VOCABULARY
from buybuddy.domain.products.lists.filters import ProductSort, ProductStatus

LIST = "/api/v1/products"
OTHERS = ("dashboard", "videos", "videos/queue", "jobs", "jobs/queue-status", "datasets", "audit", "notifications")
SORTS, STATUSES = get_args(ProductSort), get_args(ProductStatus)
Case = Callable[[random.Random], str]


def make_cases(dsn: str) -> dict[str, Case]:
    """Return each kind of request as a function that makes one."""
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "SELECT id::text, barcodes[1], brand_name, category FROM products TABLESAMPLE SYSTEM (0.05) LIMIT 2000"
        ).fetchall()

    def sample(index: int) -> Case:
        return lambda r: str(r.choice(rows)[index])

    product_id, barcode, brand, category = (sample(index) for index in range(4))
    cases = {**_lists(category), **_searches(barcode, brand, category)}
    cases["facets"] = _listing("/facets")
    cases["facets of a status"] = _listing("/facets", status=_one_of(STATUSES))
    cases["facets of a search"] = _listing("/facets", search=_one_of(NOUNS.split()))
    cases["categories"] = _listing("/categories")
    cases["one product"] = lambda r: f"{LIST}/{product_id(r)}"
    cases["images of a product"] = lambda r: f"{LIST}/{product_id(r)}/frames"
    for path in OTHERS:
        cases[path] = _fixed(f"/api/v1/{path}")
    return cases


def _lists(category: Case) -> dict[str, Case]:
    cases = {}
    for sort in SORTS:
        cases[f"sort {sort}"] = _listing(sort=sort)
        cases[f"sort {sort}, page up to 200"] = _listing(sort=sort, page=_number(2, 200))
    for status in STATUSES:
        cases[f"status {status}"] = _listing(status=status)
        cases[f"status {status}, any sort, page up to 20"] = _listing(
            status=status, sort=_one_of(SORTS), page=_number(1, 20)
        )
        cases[f"status {status} and category"] = _listing(status=status, category=category, sort=_one_of(SORTS))
    cases["category"] = _listing(category=category, sort=_one_of(SORTS))
    return cases


def _searches(barcode: Case, brand: Case, category: Case) -> dict[str, Case]:
    noun = _one_of(NOUNS.split())
    cases = {f"search noun, sort {sort}": _listing(search=noun, sort=sort) for sort in SORTS}
    cases["whole barcode"] = _listing(search=barcode)
    cases["beginning of a barcode"] = _listing(search=lambda r: barcode(r)[: r.randint(3, 12)])
    cases["brand"] = _listing(search=brand)
    cases["beginning of a brand"] = _listing(search=lambda r: brand(r)[: r.randint(3, 5)])
    cases["two words"] = _listing(search=lambda r: f"{noun(r)} {brand(r)[:4]}")
    cases["capital letters"] = _listing(search=lambda r: brand(r).replace("i", "İ").upper())
    cases["one or two letters"] = _listing(search=lambda r: brand(r)[: r.randint(1, 2)])
    cases["typing error"] = _listing(search=lambda r: _misspell(r, r.choice(VOCABULARY["brand"])))
    cases["nothing found"] = _listing(search=lambda r: f"qqq{r.randint(0, 9999)}xx")
    cases["search and status"] = _listing(search=noun, status=_one_of(STATUSES), sort=_one_of(SORTS))
    cases["search and category"] = _listing(search=noun, category=category)
    cases["search, page up to 20"] = _listing(search=noun, page=_number(2, 20))
    return cases


def _listing(path: str = "", **parameters: str | Case) -> Case:
    def make(chooser: random.Random) -> str:
        values = {name: value(chooser) if callable(value) else value for name, value in parameters.items()}
        return f"{LIST}{path}?{urlencode(values, quote_via=quote)}"

    return make


def _fixed(path: str) -> Case:
    return lambda _: path


def _one_of(values: tuple[str, ...] | list[str]) -> Case:
    return lambda chooser: chooser.choice(values)


def _number(least: int, greatest: int) -> Case:
    return lambda chooser: str(chooser.randint(least, greatest))


def _misspell(chooser: random.Random, word: str) -> str:
    """Swap two neighbouring letters of a word of at least five."""
    if len(word) < 5:
        return word
    at = chooser.randrange(1, len(word) - 2)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
