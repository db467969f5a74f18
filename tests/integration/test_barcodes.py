"""Barcodes of products: one belongs to one product, and exactly one is primary, whoever changes them at once."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from buybuddy.domain.products import repository
from buybuddy.domain.products.barcodes import service as barcode_service
from buybuddy.domain.products.tables import Product
from buybuddy.errors import Conflict, NotFound
from buybuddy.infra.db import Actor, Database, new_id
from tests.conftest import RunningPlatform

SOMEBODY = Actor(None, "somebody")
CODES = [f"000{n}" for n in range(6)]


@pytest.fixture
async def http(platform: RunningPlatform) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {platform.key}"}
    async with httpx.AsyncClient(base_url=f"{platform.url}/api/v1", headers=headers, timeout=60) as client:
        yield client


async def new_product(db: Database, name: str = "Barcoded") -> uuid.UUID:
    async with db.transaction() as session:
        row = Product(id=new_id(), status="ready", product_name=name)
        session.add(row)
        return row.id


async def change(db: Database, product_id: uuid.UUID, what: str, code: str) -> bool:
    """Do one change as a request would; False when it is refused."""
    does = {
        "add": barcode_service.add_barcode,
        "remove": barcode_service.remove_barcode,
        "primary": barcode_service.make_primary,
    }
    try:
        async with db.transaction() as session:
            await does[what](session, product_id, code, None, SOMEBODY)
    except (NotFound, Conflict):
        return False
    return True


async def check(db: Database, product_ids: list[uuid.UUID]) -> None:
    """Every product has a primary barcode exactly when it has one at all, and carries what the table says."""
    async with db.transaction() as session:
        by_product = await repository.barcodes_of(session, product_ids)
        for product_id, rows in by_product.items():
            product = await repository.find_product(session, product_id)
            assert product is not None
            assert sum(row.is_primary for row in rows) == (1 if rows else 0)
            assert product.barcodes == [row.barcode for row in rows]


@pytest.mark.parametrize("seed", range(3))
async def test_fifty_changes_at_once_leave_exactly_one_primary(db: Database, seed: int) -> None:
    chance = random.Random(seed)
    products = [await new_product(db), await new_product(db)]
    prefix = uuid.uuid4().hex[:8]
    changes = [
        (chance.choice(products), chance.choice(["add", "add", "remove", "primary"]), prefix + chance.choice(CODES))
        for _ in range(50)
    ]
    done = await asyncio.gather(*(change(db, *one) for one in changes))
    assert any(done)
    await check(db, products)


Step = tuple[int, str, str]


@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from(["add", "remove", "primary"]), st.sampled_from(CODES))))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_sequence_does_what_a_plain_model_does(dsn: str, steps: list[Step]) -> None:
    asyncio.run(play(dsn, steps))


async def play(dsn: str, steps: list[Step]) -> None:
    db = Database(dsn)
    products = [await new_product(db), await new_product(db)]
    prefix = uuid.uuid4().hex[:8]
    model: list[list[str]] = [[], []]  # oldest first
    primary: list[str | None] = [None, None]
    for which, what, code in steps:
        done = await change(db, products[which], what, prefix + code)
        mine, other = model[which], model[1 - which]
        assert done == (code not in other if what == "add" else code in mine)
        if not done:
            continue
        if what == "add" and code not in mine:
            mine.append(code)
            primary[which] = primary[which] or code
        elif what == "remove":
            mine.remove(code)
            if primary[which] == code:
                primary[which] = mine[0] if mine else None
        elif what == "primary":
            primary[which] = code
    await check(db, products)
    async with db.transaction() as session:
        for product_id, first, codes in zip(products, primary, model, strict=True):
            row = await repository.find_product(session, product_id)
            assert row is not None
            assert row.barcodes[:1] == ([prefix + first] if first else [])
            assert set(row.barcodes) == {prefix + code for code in codes}
        await session.execute(text("DELETE FROM products WHERE id = ANY(:ids)"), {"ids": products})
    await db.close()


async def test_barcodes_over_http(http: httpx.AsyncClient) -> None:
    code, other = f"000{uuid.uuid4().int % 10**9}", f"9{uuid.uuid4().int % 10**12}"
    first = (await http.post("/products", json={"product_name": "First"})).json()
    second = (await http.post("/products", json={"product_name": "Second", "brand_name": "Öz"})).json()
    url, other_url = f"/products/{first['id']}/barcodes", f"/products/{second['id']}/barcodes"
    added = await http.post(url, json={"barcode": f" {code} "}, headers={"If-Match": '"v1"'})
    assert added.status_code == 200, added.text
    assert added.json()["barcode"] == code, "leading zeros stay"
    assert added.headers["etag"] == f'"v{added.json()["version"]}"' != '"v1"'
    assert (await http.post(other_url, json={"barcode": other})).json()["barcode"] == other

    taken = await http.post(url, json={"barcode": other})
    assert (taken.status_code, taken.json()["code"]) == (409, "BARCODE_TAKEN")
    assert (taken.json()["product_id"], taken.json()["label"]) == (second["id"], "Öz Second")
    stale = await http.post(url, json={"barcode": "12345678"}, headers={"If-Match": '"v1"'})
    assert stale.status_code == 409 and stale.json()["current"]["barcodes"] == [code]

    more = (await http.post(url, json={"barcode": f"{code}7"})).json()
    assert more["barcodes"] == [code, f"{code}7"]
    chosen = (await http.post(f"{url}/{code}7/primary")).json()
    assert chosen["barcodes"] == [f"{code}7", code]
    assert (await http.delete(f"{url}/{code}7")).json()["barcodes"] == [code]
    assert (await http.delete(f"{url}/{code}")).json()["barcode"] is None
    assert (await http.delete(f"{url}/{code}")).status_code == 404
    assert (await http.post(f"{url}/{other}/primary")).status_code == 404
    for junk in ("", "  ", "ab-c", "ş1", "1" * 33, "<script>"):
        assert (await http.post(url, json={"barcode": junk})).status_code in (400, 422), junk
    for product in (first, second):
        await http.delete(f"/products/{product['id']}")
