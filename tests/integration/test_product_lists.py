"""Lists of products: every row once, in order, whichever way the list is walked; searches find what they should."""

import base64
import random
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import psycopg
import pytest
from sqlalchemy import text

from buybuddy.domain.products import repository
from buybuddy.domain.products.lists import facets
from buybuddy.domain.products.lists import repository as search_repository
from buybuddy.domain.products.lists import sql as list_sql
from buybuddy.domain.products.lists.filters import ProductFilters, ProductSort, ProductStatus
from buybuddy.domain.products.tables import Product, ProductImage
from buybuddy.errors import InvalidInput
from buybuddy.infra.db import Database, new_id
from buybuddy.infra.db.pages import BadCursor, Window
from buybuddy.infra.db.reader import Reader
from buybuddy.infra.db.tallies import fold_tallies, read_tally

BRANDS = ("Ülker", "ÜLKER", "İçim", "Eti", "Şölen", None)
NAMES = ("Süt 1 L", "SÜT çilekli", "ılık çay", "Işık kremi", "cafe au lait", "Café", None, "%_\\' | & :*", "a" * 300)


@dataclass(frozen=True)
class Catalogue:
    """Products of one category, so that other tests' rows do not matter."""

    reader: Reader
    category: str
    ids: Sequence[uuid.UUID]
    code_start: str  # of the barcodes of the first 40, and of nobody else's

    async def page(self, sort: ProductSort = "-created_at", window: Window | None = None, **filters: Any) -> Any:
        wanted = ProductFilters(category=self.category, **filters)
        return await search_repository.list_rows(self.reader, wanted, sort, window or Window())

    async def found(self, search: str) -> set[str | None]:
        page = await self.page(search=search, window=Window(limit=100))
        return {row.product_name for row in page.found.rows}


@pytest.fixture
async def catalogue(db: Database, dsn: str) -> AsyncIterator[Catalogue]:
    chooser, category = random.Random(5), f"lists {new_id()}"
    ids = [new_id() for _ in range(150)]
    code_start = f"{uuid.uuid4().int % 10**9:09d}"
    async with db.transaction() as session:
        session.add_all(
            Product(
                id=product_id,
                brand_name=chooser.choice(BRANDS),
                product_name=chooser.choice(NAMES),
                category=category,
                status=chooser.choice(get_args(ProductStatus)),
                frame_count=chooser.randrange(3),
            )
            for product_id in ids
        )
        await session.flush()
        for number, product_id in enumerate(ids[:40]):
            await repository.add_barcode(session, product_id, f"{code_start}{number:02d}{chooser.randrange(100):02d}")
    reader = Reader(dsn)
    await reader.open()
    yield Catalogue(reader, category, ids, code_start)
    await reader.close()
    async with db.transaction() as session:
        await session.execute(text("DELETE FROM products WHERE category = :category"), {"category": category})


@pytest.mark.parametrize("sort", get_args(ProductSort))
async def test_a_walk_by_cursor_and_one_by_pages_meet_every_product_once_and_in_order(
    catalogue: Catalogue, sort: ProductSort
) -> None:
    column = list_sql.ORDERS[sort].columns[0].key
    for filters in ({}, {"status": "ready"}, {"search": "süt"}, {"search": "ulker", "status": "pending"}):
        by_cursor, window = [], Window(limit=7)
        while True:
            page = await catalogue.page(sort, window, **filters)
            by_cursor += page.found.rows
            if page.found.next_cursor is None:
                break
            window = Window(limit=7, cursor=page.found.next_cursor)
        by_page: list[Any] = []
        for number in range(1, len(by_cursor) // 7 + 2):
            by_page += (await catalogue.page(sort, Window(page=number, limit=7), **filters)).found.rows
        assert [row.id for row in by_cursor] == [row.id for row in by_page]
        assert len({row.id for row in by_cursor}) == len(by_cursor) == page.found.total
        keys = [(getattr(row, column), row.id) for row in by_cursor]
        assert keys == sorted(keys, reverse=sort.startswith("-"))
        if not filters:
            assert {row.id for row in by_cursor} == set(catalogue.ids)


async def test_turkish_letters_marks_and_case_are_folded_on_both_sides(catalogue: Catalogue) -> None:
    assert await catalogue.found("sut") == await catalogue.found("SÜT") == {"Süt 1 L", "SÜT çilekli"}
    assert await catalogue.found("ILIK ÇAY") == await catalogue.found("ilik cay") == {"ılık çay"}
    assert await catalogue.found("IŞIK") == await catalogue.found("isik kre") == {"Işık kremi"}
    assert await catalogue.found("cafe") == await catalogue.found("CAFÉ") == {"cafe au lait", "Café"}
    brands = {row.brand_name for row in (await catalogue.page(search="icim")).found.rows}
    assert brands == {"İçim"}


async def test_a_typing_error_is_forgiven_and_said(catalogue: Catalogue) -> None:
    page = await catalogue.page(search="çiilekli")
    assert {row.product_name for row in page.found.rows} == {"SÜT çilekli"}
    assert page.corrected_search == "cilekli"
    nothing = await catalogue.page(search="xqzwv")
    assert (nothing.found.total, nothing.corrected_search) == (0, None)


@pytest.mark.parametrize(
    "search", ["süt", "{code_start}", "{code_start}1", "{code_start}99", "ülker süt", "süt {code_start}05", "ulk", "1"]
)
async def test_the_narrow_and_the_broad_way_of_searching_find_the_same(catalogue: Catalogue, search: str) -> None:
    search = search.format(code_start=catalogue.code_start)
    words = await search_repository.words_of(catalogue.reader, ProductFilters(search=search))
    terms = search_repository.take_apart(search, words)
    assert terms is not None
    for sort in get_args(ProductSort):
        filters, window = ProductFilters(category=catalogue.category), Window(limit=20)
        shape = search_repository.shape_of(filters, terms, sort, window)
        values = search_repository.values_of(filters, terms, sort, window)
        [counted] = await catalogue.reader.rows(list_sql.narrow_count_sql(shape), values)
        assert counted.is_whole, "what is collected here is no broad search, whatever other tests have left"
        ways = [list_sql.narrow_sql(shape), list_sql.walk_sql(shape), list_sql.all_hits_sql(shape)]
        narrow, walked, collected = [[row.id for row in await catalogue.reader.rows(way, values)] for way in ways]
        assert narrow == walked == collected
        assert len(narrow) == min(counted.n, window.limit + 1)


async def test_any_barcode_is_found_by_its_beginning(catalogue: Catalogue) -> None:
    assert {row.id for row in (await catalogue.page(search=catalogue.code_start)).found.rows} == set(catalogue.ids[:40])
    assert len((await catalogue.page(search=f"{catalogue.code_start}1")).found.rows) == 10


async def test_a_barcode_with_letters_is_found_however_it_is_typed(catalogue: Catalogue, db: Database) -> None:
    product_id, code = catalogue.ids[-1], f"B0{new_id().hex[-8:].upper()}X"
    async with db.transaction() as session:
        await repository.add_barcode(session, product_id, code)
    for search in (code, code.lower(), f" {code[:9]} "):
        assert [row.id for row in (await catalogue.page(search=search)).found.rows] == [product_id], search
        filters = ProductFilters(search=search, category=catalogue.category)
        async with db.transaction() as session:
            chosen = (await session.scalars(await search_repository.selection(session, filters))).all()
        assert list(chosen) == [product_id], "what a bulk edit or an export takes is what the list shows"
        rows, _ = await facets.count_hits(catalogue.reader, filters)
        assert sum(n for _, _, n in rows) == 1


async def test_a_typing_error_beside_a_barcode_is_forgiven(catalogue: Catalogue, db: Database) -> None:
    async with db.transaction() as session:
        product = await repository.lock_product(session, catalogue.ids[0])
        assert product is not None
        product.product_name = "SÜT çilekli"
        [code] = product.barcodes
    page = await catalogue.page(search=f"çiilekli {code}")
    assert [row.id for row in page.found.rows] == [catalogue.ids[0]]
    assert page.corrected_search == f"cilekli {code}"


async def test_products_without_a_category_are_listed_counted_and_chosen_alike(
    catalogue: Catalogue, db: Database
) -> None:
    word = f"bare{new_id().hex[-10:]}"
    ids = [new_id(), new_id()]
    async with db.transaction() as session:
        for product_id, category in zip(ids, (None, ""), strict=True):
            session.add(Product(id=product_id, product_name=word, category=category, status="pending"))
    try:
        for search in (None, word):
            filters = ProductFilters(search=search, category="")
            page = await search_repository.list_rows(catalogue.reader, filters, "-created_at", Window(limit=100))
            counted = await facets.count_facets(catalogue.reader, filters)
            async with db.transaction() as session:
                chosen = set((await session.scalars(await search_repository.selection(session, filters))).all())
            assert page.found.total == sum(n for _, n in counted.statuses) == len(chosen)
            assert {row.id for row in page.found.rows} >= set(ids)
            assert all(not row.category for row in page.found.rows)
    finally:
        async with db.transaction() as session:
            await session.execute(text("DELETE FROM products WHERE id = ANY(:ids)"), {"ids": ids})


async def test_punctuation_is_no_syntax(catalogue: Catalogue) -> None:
    for search in ("%", "_", "\\", "'", "' | 'a", "süt & !çay", ":*", "(", "\u00a0", "-- ", "' OR 1=1 --"):
        page = await catalogue.page(search=search)
        assert page.found.total <= len(catalogue.ids), search


async def test_facets_add_up_to_the_lists_that_they_lead_to(catalogue: Catalogue) -> None:
    for search in (None, "süt"):
        counted = await facets.count_facets(
            catalogue.reader, ProductFilters(category=catalogue.category, search=search, status="ready")
        )
        assert counted.is_exact
        assert sum(n for _, n in counted.statuses) == (await catalogue.page(search=search)).found.total
        for status, n in counted.statuses:
            assert (await catalogue.page(search=search, status=status)).found.total == n
        n_ready = (await catalogue.page(search=search, status="ready")).found.total
        assert dict(counted.categories)[catalogue.category] == n_ready
        assert [n for _, n in counted.categories] == sorted((n for _, n in counted.categories), reverse=True)


async def test_a_search_of_dense_hits_is_walked_and_finds_the_same(db: Database, dsn: str) -> None:
    word, n = "yoğunlukta", 4_000  # no digits: it is to be no barcode
    made = (
        "INSERT INTO products (id, product_name, brand_name, status, frame_count)"
        " SELECT gen_random_uuid(), :word || ' ' || md5(g::text), md5((g % 50)::text), 'ready', g % 7"
        " FROM generate_series(1, :n) g"
    )
    async with db.transaction() as session:  # older rows of other tests would lie before these in the orders by time
        await session.execute(text("TRUNCATE products, tallies CASCADE"))
        await session.execute(text(made), {"word": word, "n": n})
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as owner:
        await owner.execute("ANALYZE products")
    reader = Reader(dsn)
    await reader.open()
    try:
        filters = ProductFilters(search=word, status="ready")
        terms = search_repository.take_apart(word, await search_repository.words_of(reader, filters))
        for sort in get_args(ProductSort):
            shape = search_repository.shape_of(filters, terms, sort, Window(limit=100))
            values = search_repository.values_of(filters, terms, sort, Window(limit=100))
            expected = [row.id for row in await reader.rows(list_sql.all_hits_sql(replace(shape, limit=299)), values)]
            found: list[uuid.UUID] = []
            cursor: str | None = None
            for _ in range(3):
                page = await search_repository.list_rows(reader, filters, sort, Window(limit=100, cursor=cursor))
                assert page.found.is_total_exact == ("product_name" in sort), "but by name it was walked"
                assert n / 2 <= page.found.total <= n
                found, cursor = found + [row.id for row in page.found.rows], page.found.next_cursor
            assert found == expected, sort
    finally:
        await reader.close()
        async with db.transaction() as session:
            await session.execute(text("DELETE FROM products WHERE product_name LIKE :word || ' %'"), {"word": word})


async def test_a_cursor_of_another_order_or_none_of_ours_is_refused(catalogue: Catalogue) -> None:
    cursor = (await catalogue.page("product_name", Window(limit=5))).found.next_cursor
    with pytest.raises(BadCursor):
        await catalogue.page("-created_at", Window(limit=5, cursor=cursor))
    for junk in ("", "x", "bnVsbA", "W10", cursor[:-4] + "AAAA"):
        with pytest.raises(BadCursor):
            await catalogue.page("product_name", Window(limit=5, cursor=junk))
    with pytest.raises(InvalidInput):
        Window(page=201, limit=50)
    for sort, key in (("product_name", '"\\ud800"'), ("product_name", '"\\u0000"'), ("frame_count", str(2**31))):
        forged = base64.urlsafe_b64encode(f'["{sort}",{key},"{new_id()}"]'.encode()).decode()
        with pytest.raises(BadCursor):
            await catalogue.page(sort, Window(limit=5, cursor=forged))  # type: ignore[arg-type]  # one of the sorts


async def test_tallies_are_what_counting_gives_whatever_is_written(db: Database) -> None:
    chooser, category = random.Random(11), f"tallies {new_id()}"
    for _ in range(30):
        async with db.transaction() as session:
            match chooser.randrange(5):
                case 0 | 1:
                    session.add_all(
                        Product(id=new_id(), status=chooser.choice(get_args(ProductStatus)), category=category)
                        for _ in range(chooser.randrange(1, 5))
                    )
                case 2:
                    statement = "UPDATE products SET status = 'ready' WHERE category = :category AND random() < 0.3"
                    await session.execute(text(statement), {"category": category})
                case 3:
                    statement = "DELETE FROM products WHERE category = :category AND random() < 0.3"
                    await session.execute(text(statement), {"category": category})
                case _:
                    await fold_tallies(session)
    async with db.transaction() as session:
        counted = await session.execute(
            text("SELECT status, coalesce(category, ''), count(*) FROM products GROUP BY 1, 2")
        )
        expected = {f"{status}\t{name}": n for status, name, n in counted}
        total = await session.scalar(text("SELECT count(*) FROM products"))
        assert await read_tally(session, "products", "status_category") == expected
        assert sum((await read_tally(session, "products", "day")).values()) == total
        assert await read_tally(session, "products", "total") == ({"": total} if total else {})
        await fold_tallies(session)
        assert await read_tally(session, "products", "status_category") == expected


async def test_a_product_carries_what_its_images_and_barcodes_are(db: Database) -> None:
    product_id = new_id()
    async with db.transaction() as session:
        session.add(Product(id=product_id, status="pending"))
        await session.flush()
        for code in ("4006381333931", "00012345678905"):
            await repository.add_barcode(session, product_id, code)
        images = [
            ProductImage(
                id=new_id(), product_id=product_id, image_type=kind, source="upload", storage_key=f"frames/{new_id()}",
                width_px=1, height_px=1, size_bytes=1, sha256="0" * 64,
            )
            for kind in ("real", "real", "synthetic", "augmented")
        ]  # fmt: skip
        session.add_all(images)
        await session.flush()
        await session.delete(images[0])
        await session.flush()
        product = await repository.lock_product(session, product_id)
        assert product is not None
        assert (product.frame_count, product.real_count, product.augmented_count) == (1, 1, 1)
        assert product.barcodes == ["4006381333931", "00012345678905"]
        await session.delete(product)


def test_a_shape_is_all_that_a_statement_depends_on() -> None:
    shape = list_sql.Shape(has_status=True, has_words=True, n_codes=1)
    assert list_sql.narrow_sql(shape) is list_sql.narrow_sql(replace(shape))
    assert "%(status)s" in list_sql.narrow_sql(shape) and "%(code_0)s" in list_sql.narrow_sql(shape)
