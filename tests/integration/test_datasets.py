"""Datasets: names, products by the hand and by the thousand, edits that do not overwrite each other."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy import delete, insert, text

from buybuddy.connections import database_url
from buybuddy.domain.datasets import repository, service
from buybuddy.domain.datasets.schemas import DatasetEdit, ProductChoice
from buybuddy.domain.datasets.tables import Dataset
from buybuddy.domain.products.lists.filters import ProductFilters
from buybuddy.domain.products.service import StaleVersion
from buybuddy.domain.products.tables import Product
from buybuddy.errors import Conflict, NotFound
from buybuddy.infra.db import Actor, Database, new_id
from buybuddy.infra.db.tallies import fold_tallies
from buybuddy.settings import Settings
from tests.conftest import RunningPlatform

SOMEBODY = Actor(None, "somebody")


async def add_products(db: Database, n: int, category: str) -> list[uuid.UUID]:
    ids = [new_id() for _ in range(n)]
    async with db.transaction() as session:
        rows = [{"id": id_, "status": "ready", "category": category, "product_name": "Çay"} for id_ in ids]
        await session.execute(insert(Product), rows)
    return ids


async def make_dataset(db: Database) -> Dataset:
    async with db.transaction() as session:
        return await service.create_dataset(session, f"set {new_id()}", "", SOMEBODY)


async def count(db: Database, dataset_id: uuid.UUID) -> int:
    """Return the cheap count, after it was found to be the true one."""
    async with db.transaction() as session:
        cheap = (await repository.product_counts(session, [dataset_id]))[dataset_id]
        true = text("SELECT count(*) FROM dataset_products WHERE dataset_id = :id")
        assert cheap == await session.scalar(true, {"id": dataset_id})
        return cheap


async def test_the_same_products_added_by_many_at_once_are_in_it_once(db: Database) -> None:
    dataset, category = await make_dataset(db), f"c-{new_id()}"
    ids = await add_products(db, 300, category)

    async def add(choice: ProductChoice) -> tuple[int, int]:
        async with db.transaction() as session:
            done = await service.add_products(session, dataset.id, choice, SOMEBODY)
        return done.added, done.already_there

    by_name = [
        ProductChoice(product_ids=ids),
        ProductChoice(product_ids=ids[::-1]),
        ProductChoice(product_ids=ids[100:]),
    ]
    by_filter = [ProductChoice(filters=ProductFilters(category=category))] * 3
    done = await asyncio.gather(*(add(choice) for choice in [*by_name, *by_filter]))
    assert sum(added for added, _ in done) == 300
    assert sum(added + there for added, there in done) == 5 * 300 + 200
    assert await count(db, dataset.id) == 300
    async with db.transaction() as session:
        await fold_tallies(session)
    assert await count(db, dataset.id) == 300


async def test_adding_may_take_longer_than_other_statements(db: Database) -> None:
    dataset, ids = await make_dataset(db), await add_products(db, 3, "x")

    async def add() -> int:
        async with db.transaction() as session:
            await session.execute(text("SET LOCAL statement_timeout = 1000"))
            done = await service.add_products(session, dataset.id, ProductChoice(product_ids=ids), SOMEBODY)
            return done.added

    async with db.transaction() as session:
        await session.execute(text("SELECT id FROM products WHERE id = :id FOR UPDATE"), {"id": ids[0]})
        adding = asyncio.create_task(add())
        async with asyncio.timeout(20):
            waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            while not await session.scalar(waiting):
                pass
        await session.execute(text("SELECT pg_sleep(1.5)"))
    assert await adding == 3


async def test_deleted_products_leave_the_dataset_and_its_count(db: Database) -> None:
    dataset = await make_dataset(db)
    ids = await add_products(db, 10, "x")
    async with db.transaction() as session:
        unknown = new_id()
        done = await service.add_products(session, dataset.id, ProductChoice(product_ids=[*ids, unknown]), SOMEBODY)
        assert (done.added, done.missing) == (10, [unknown])
    async with db.transaction() as session:
        await session.execute(delete(Product).where(Product.id.in_(ids[:4])))
    assert await count(db, dataset.id) == 6
    async with db.transaction() as session:
        await service.remove_product(session, dataset.id, ids[5], SOMEBODY)
    with pytest.raises(NotFound):
        async with db.transaction() as session:
            await service.remove_product(session, dataset.id, ids[5], SOMEBODY)
    assert await count(db, dataset.id) == 5
    async with db.transaction() as session:
        removed = await service.remove_products(
            session, dataset.id, ProductChoice(filters=ProductFilters(search="cay")), SOMEBODY
        )
        assert removed == 5
    assert await count(db, dataset.id) == 0


async def test_of_two_edits_of_one_version_one_is_refused_and_adding_is_no_edit(db: Database) -> None:
    dataset = await make_dataset(db)
    ids = await add_products(db, 1, "x")
    async with db.transaction() as session:
        await service.add_products(session, dataset.id, ProductChoice(product_ids=ids), Actor(None, "an adder"))

    async def edit(description: str) -> bool:
        try:
            async with db.transaction() as session:
                await service.edit_dataset(session, dataset.id, DatasetEdit(description=description), 1, SOMEBODY)
        except StaleVersion as stale:
            assert stale.fields["changed_by"] == "somebody"
            return False
        return True

    assert sorted(await asyncio.gather(*(edit(f"by {n}") for n in range(6)))) == [False] * 5 + [True]


async def test_of_many_datasets_of_one_name_one_is_made(db: Database) -> None:
    name = f"İçecekler {new_id()}"

    async def create(name: str) -> bool:
        try:
            async with db.transaction() as session:
                await service.create_dataset(session, name, "", SOMEBODY)
        except Conflict:
            return False
        return True

    names = [name, name.upper(), name.lower(), name.replace("İ", "I").replace("ç", "c")]
    assert sorted(await asyncio.gather(*map(create, names))) == [False, False, False, True]


async def test_of_many_datasets_renamed_to_one_name_one_is(db: Database) -> None:
    name = f"renamed {new_id()}"
    datasets = [await make_dataset(db) for _ in range(5)]

    async def rename(dataset: Dataset) -> str:
        try:
            async with db.transaction() as session:
                await service.edit_dataset(session, dataset.id, DatasetEdit(name=name), 1, SOMEBODY)
        except service.NameTaken as taken:
            return taken.code
        return "done"

    assert sorted(await asyncio.gather(*map(rename, datasets))) == ["NAME_TAKEN"] * 4 + ["done"]


async def test_image_counts_of_a_large_dataset_are_estimated(db: Database) -> None:
    dataset, category = await make_dataset(db), f"c-{new_id()}"
    ids = await add_products(db, 400, category)
    async with db.transaction() as session:
        await session.execute(text("UPDATE products SET frame_count = 5 WHERE category = :c"), {"c": category})
        await service.add_products(session, dataset.id, ProductChoice(product_ids=ids), SOMEBODY)
        sampled = (await service.count_parts(session, [dataset], 100))[dataset.id][1]
        exact = (await service.count_parts(session, [dataset], 400))[dataset.id][1]
    assert (sampled.synthetic, sampled.is_exact) == (2000, False)
    assert (exact.synthetic, exact.real, exact.is_exact) == (2000, 0, True)


@pytest.fixture
async def http(platform: RunningPlatform) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {platform.key}"}
    async with httpx.AsyncClient(base_url=f"{platform.url}/api/v1", headers=headers, timeout=60) as client:
        yield client


async def test_a_dataset_over_http(http: httpx.AsyncClient, platform: RunningPlatform) -> None:
    db = Database(database_url(Settings.for_home(platform.home)))
    ids = await add_products(db, 7, "x")
    await db.close()
    name = f"=100%_ {new_id()}"
    made = await http.post("/datasets", json={"name": f"  {name} ", "description": "d"})
    assert made.status_code == 201, made.text
    dataset = made.json()
    assert (dataset["name"], dataset["product_count"], made.headers["etag"]) == (name, 0, '"v1"')
    again = await http.post("/datasets", json={"name": name.upper()})
    assert (again.status_code, again.json()["code"], again.json()["dataset_id"]) == (409, "NAME_TAKEN", dataset["id"])
    path = f"/datasets/{dataset['id']}"

    choice = {"product_ids": [str(id_) for id_ in ids]}
    assert (await http.post(f"{path}/products", json=choice)).json() == {"added": 7, "already_there": 0, "missing": []}
    bad_choices: list[dict[str, object]] = [
        {},
        {**choice, "filters": {}},
        {"product_ids": []},
        {"filters": {"colour": "red"}},
    ]
    for bad in bad_choices:
        assert (await http.post(f"{path}/products", json=bad)).status_code == 422
    assert (await http.delete(f"{path}/products/{ids[0]}")).status_code == 204
    assert (await http.delete(f"{path}/products/{ids[0]}")).status_code == 404
    shown = (await http.get(path, params={"limit": 4})).json()
    assert (shown["product_count"], shown["products"]["total"], len(shown["products"]["items"])) == (6, 6, 4)
    rest = await http.get(f"{path}/products", params={"limit": 4, "cursor": shown["products"]["next_cursor"]})
    seen = [row["id"] for row in [*shown["products"]["items"], *rest.json()["items"]]]
    assert sorted(seen) == sorted(choice["product_ids"][1:])
    assert rest.json()["items"][0]["synthetic_count"] == 0

    edited = await http.patch(path, json={"description": "new"}, headers={"If-Match": '"v1"'})
    assert (edited.status_code, edited.json()["version"]) == (200, 2)
    stale = await http.patch(path, json={"description": "older", "version": 1})
    assert (stale.status_code, stale.json()["code"], stale.json()["current_version"]) == (409, "CONFLICT", 2)
    assert stale.json()["current"]["description"] == "new"
    assert (await http.patch(path, json={"description": "x"})).status_code == 428
    for search in (name[:6], "=100%_", name.upper()):
        found = (await http.get("/datasets", params={"search": search, "sort": "name"})).json()
        assert dataset["id"] in [row["id"] for row in found["items"]]
    assert (await http.get("/datasets", params={"search": "=1000"})).json()["total"] == 0

    assert (await http.delete(path)).status_code == 204
    for method, where in (("GET", path), ("DELETE", path), ("GET", f"{path}/products")):
        assert (await http.request(method, where)).status_code == 404
    assert (await http.post(f"{path}/products", json=choice)).status_code == 404


async def test_no_edit_goes_through_under_a_lock_that_has_ended(
    http: httpx.AsyncClient, platform: RunningPlatform
) -> None:
    db = Database(database_url(Settings.for_home(platform.home)))
    ids = [str(id_) for id_ in await add_products(db, 2, "x")]
    await db.close()
    dataset_id = (await http.post("/datasets", json={"name": f"locked {new_id()}"})).json()["id"]
    path = f"/datasets/{dataset_id}"
    lock = (await http.post(f"/locks/dataset/{dataset_id}")).json()["lock"]
    late, current = ({"Lock-Token": str(token)} for token in (lock["token"] + 1_000_000, lock["token"]))
    edits: list[tuple[str, str, object]] = [
        ("POST", f"{path}/products", {"product_ids": ids}),
        ("POST", f"{path}/products/remove", {"product_ids": ids[:1]}),
        ("DELETE", f"{path}/products/{ids[1]}", None),
        ("PATCH", path, {"description": "under a lock", "version": 1}),
        ("DELETE", path, None),
    ]
    for method, where, body in edits:
        refused = await http.request(method, where, json=body, headers=late)
        assert (refused.status_code, refused.json()["code"]) == (409, "LOCK_LOST")
        done = await http.request(method, where, json=body, headers=current)
        assert done.status_code in (200, 204), done.text
