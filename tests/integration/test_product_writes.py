"""Making, emptying and removing products over real HTTP."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy import select, update

from buybuddy.connections import database_url
from buybuddy.domain.products import service
from buybuddy.domain.products.bulk import writes as bulk_writes
from buybuddy.domain.products.images import service as image_service
from buybuddy.domain.products.schemas import ProductEdit
from buybuddy.domain.products.tables import Product, ProductImage
from buybuddy.domain.videos.tables import Video
from buybuddy.infra.db import Actor, Database, new_id
from buybuddy.infra.db.trash import TrashRow
from buybuddy.settings import Settings
from tests.conftest import RunningPlatform

MANY = 1_100
SOMEBODY = Actor(None, "somebody")


@pytest.fixture
async def http(platform: RunningPlatform) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {platform.key}"}
    async with httpx.AsyncClient(base_url=f"{platform.url}/api/v1", headers=headers, timeout=60) as client:
        yield client


@pytest.fixture
async def home_db(platform: RunningPlatform) -> AsyncIterator[Database]:
    database = Database(database_url(Settings.for_home(platform.home)))
    yield database
    await database.close()


async def add_images(db: Database, product_id: uuid.UUID, n: int, image_type: str = "real") -> list[uuid.UUID]:
    """Give a product images without objects; the later, the better."""
    ids = [new_id() for _ in range(n)]
    async with db.transaction() as session:
        for number, image_id in enumerate(ids):
            quality = dict.fromkeys(("sharpness", "mask_fraction", "completeness", "occlusion", "confidence"), 0.5)
            session.add(
                ProductImage(
                    id=image_id, product_id=product_id, image_type=image_type, source="upload",
                    storage_key=f"real-images/{image_id}.jpg", thumbnail_key=f"real-images/{image_id}-small.jpg",
                    width_px=1, height_px=1, size_bytes=1, sha256="0" * 64, quality={**quality, "score": number / n},
                )
            )  # fmt: skip
    return ids


async def test_a_product_made_by_hand_is_there_at_once(http: httpx.AsyncClient) -> None:
    code = f"00{uuid.uuid4().int % 10**10}"
    wanted = {"product_name": "=El yapımı 😀", "barcodes": [code, f"{code}1", code], "claims": ["bio"], "category": "x"}
    made = await http.post("/products", json=wanted)
    assert made.status_code == 201, made.text
    product = made.json()
    assert made.headers["location"] == f"/api/v1/products/{product['id']}"
    assert made.headers["etag"] == f'"v{product["version"]}"'
    assert (product["status"], product["barcodes"]) == ("pending", [code, f"{code}1"])
    assert product["edited_fields"] == ["category", "claims", "product_name"]
    assert (await http.get(f"/products/{product['id']}")).json() == product
    again = await http.post("/products", json={"barcodes": ["11112222", f"{code}1"]})
    assert again.status_code == 409
    assert again.json()["barcodes"] == [{"barcode": f"{code}1", "product_id": product["id"], "label": "=El yapımı 😀"}]
    bad: list[dict[str, object]] = [
        {"barcodes": ["a-b"]},
        {"status": "no"}, {"product_name": "x" * 301}, {"colour": "red"}, {"barcodes": ["1"] * 21}
    ]  # fmt: skip
    for body in bad:
        assert (await http.post("/products", json=body)).status_code in (400, 422), body
    await http.delete(f"/products/{product['id']}")


async def test_the_same_product_sent_twice_is_made_once(http: httpx.AsyncClient) -> None:
    wanted = {"id": str(uuid.uuid4()), "product_name": "Once", "barcodes": [f"77{uuid.uuid4().int % 10**10}"]}
    answers = await asyncio.gather(*(http.post("/products", json=wanted) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert {answer.json()["version"] for answer in answers} == {answers[0].json()["version"]}
    other = await http.post("/products", json={**wanted, "product_name": "Other"})
    assert (other.status_code, other.json()["product_id"]) == (409, wanted["id"])
    await http.delete(f"/products/{wanted['id']}")


async def test_two_products_that_want_the_same_barcodes_do_not_wait_for_each_other_for_ever(
    http: httpx.AsyncClient,
) -> None:
    codes = [f"55{n}{uuid.uuid4().int % 10**8}" for n in range(10)]
    answers = await asyncio.gather(*(http.post("/products", json={"barcodes": codes[::step]}) for step in (1, -1) * 5))
    made = [answer.json() for answer in answers if answer.status_code == 201]
    assert len(made) == 1 and {answer.status_code for answer in answers} == {201, 409}
    await http.delete(f"/products/{made[0]['id']}")


async def test_a_large_product_shows_its_first_images_and_goes_as_it_was_read(
    http: httpx.AsyncClient, home_db: Database
) -> None:
    product = (await http.post("/products", json={"product_name": "Large"})).json()
    url = f"/products/{product['id']}"
    ids = await add_images(home_db, uuid.UUID(product["id"]), MANY)
    frames = (await http.get(f"{url}/frames")).json()
    assert (len(frames["real"]), frames["real_total"], frames["synthetic_total"]) == (1000, MANY, 0)
    stale = await http.delete(url, headers={"If-Match": f'"v{product["version"]}"'})
    assert stale.status_code == 409 and stale.json()["current"]["real_count"] == MANY
    assert (await http.delete(url)).status_code == 204
    async with home_db.transaction() as session:
        assert await session.scalar(select(Product.id).where(Product.id == uuid.UUID(product["id"]))) is None
        assert list(await session.scalars(select(ProductImage.id).where(ProductImage.id.in_(ids)))) == []


async def test_every_object_of_a_removed_product_is_thrown_away(db: Database) -> None:
    async with db.transaction() as session:
        product = Product(id=new_id(), status="ready")
        session.add(product)
    ids = await add_images(db, product.id, MANY)
    async with db.transaction() as session:
        await bulk_writes.remove_product(session, product.id, SOMEBODY)
    async with db.transaction() as session:
        thrown = set(await session.scalars(select(TrashRow.key_or_prefix)))
    assert thrown >= {f"real-images/{i}{end}" for i in ids for end in (".jpg", "-small.jpg")}


async def test_images_come_in_pages_and_can_go_one_by_one(http: httpx.AsyncClient, home_db: Database) -> None:
    product = (await http.post("/products", json={"product_name": "Pictured"})).json()
    url = f"/products/{product['id']}"
    ids = [str(image_id) for image_id in await add_images(home_db, uuid.UUID(product["id"]), 25)]
    await add_images(home_db, uuid.UUID(product["id"]), 2, "augmented")
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params = {"type": "real", "limit": "10"} | ({"cursor": cursor} if cursor else {})
        page = (await http.get(f"{url}/images", params=params)).json()
        assert page["total"] == 25
        seen += [image["id"] for image in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert sorted(seen) == sorted(ids)
    assert (await http.get(f"{url}/images")).json()["total"] == 27

    chosen = await http.post(f"{url}/images/{ids[3]}/primary")
    assert chosen.status_code == 200 and f"{ids[3]}.jpg" in chosen.json()["primary_image_url"]
    assert chosen.headers["etag"] == f'"v{chosen.json()["version"]}"'
    gone = (await http.delete(f"{url}/images/{ids[3]}")).json()
    assert gone["real_count"] == 24
    assert f"{ids[24]}.jpg" in gone["primary_image_url"], "the best of those that are left"
    assert (await http.delete(f"{url}/images/{ids[3]}")).status_code == 404
    other = (await http.post("/products", json={})).json()
    assert (await http.post(f"/products/{other['id']}/images/{ids[0]}/primary")).status_code == 404
    for made in (product, other):
        assert (await http.delete(f"/products/{made['id']}")).status_code == 204


async def test_a_video_shows_another_frame_when_the_one_it_showed_is_removed(db: Database) -> None:
    async with db.transaction() as session:
        product = Product(id=new_id(), status="ready")
        session.add(product)
    ids = await add_images(db, product.id, 2)
    posters = [f"real-images/{image_id}-small.jpg" for image_id in ids]
    async with db.transaction() as session:
        video = Video(
            id=new_id(), source="upload", filename="a.mp4", storage_key="videos/a.mp4", status="completed",
            product_id=product.id, poster_key=posters[1], size_bytes=1, sha256=uuid.uuid4().hex * 2,
        )  # fmt: skip
        session.add(video)
        await session.flush()
        of_video = update(ProductImage).where(ProductImage.id.in_(ids)).values(video_id=video.id)
        await session.execute(of_video)
    for removed, shown in ((ids[1], posters[0]), (ids[0], None)):
        async with db.transaction() as session:
            await image_service.remove_image(session, product.id, removed, None, SOMEBODY)
        async with db.transaction() as session:
            assert await session.scalar(select(Video.poster_key).where(Video.id == video.id)) == shown


async def test_emptying_a_field_beside_one_that_cannot_be_empty_is_no_less_done(db: Database) -> None:
    async with db.transaction() as session:
        product = Product(id=new_id(), status="ready", brand_name="A brand")
        session.add(product)
    async with db.transaction() as session:
        edit = ProductEdit.model_validate({"brand_name": None, "status": None})
        edited = await service.edit_product(session, product.id, edit, 1, SOMEBODY)
    assert (edited.brand_name, edited.status) == (None, "ready")


async def test_an_edit_with_a_field_that_there_is_not_names_it_and_writes_nothing(http: httpx.AsyncClient) -> None:
    made = (await http.post("/products", json={"brand_name": "Eti"})).json()
    wrong = await http.patch(f"/products/{made['id']}", json={"version": 1, "brand": "Ülker", "barcode": "12"})
    assert wrong.status_code == 422
    assert {error["where"] for error in wrong.json()["errors"]} == {"body.brand", "body.barcode"}
    nothing = await http.patch(f"/products/{made['id']}", json={"version": 1})
    assert nothing.status_code == 200
    assert nothing.json()["version"] == 1
    trail = await http.get("/audit", params={"subject_kind": "product", "subject_id": made["id"]})
    assert [row["action"] for row in trail.json()["items"]] == ["product.create"]


async def test_a_text_of_blanks_is_none_at_all_and_sorts_last(http: httpx.AsyncClient) -> None:
    category = f"blanks {new_id()}"
    blank = (await http.post("/products", json={"product_name": " \t ", "brand_name": "", "category": category})).json()
    named = (await http.post("/products", json={"product_name": "  Ayran ", "category": f" {category} "})).json()
    assert (blank["product_name"], blank["brand_name"], named["product_name"]) == (None, None, "Ayran")
    page = await http.get("/products", params={"category": category, "sort": "product_name"})
    assert [row["id"] for row in page.json()["items"]] == [named["id"], blank["id"]]
    emptied = await http.patch(f"/products/{named['id']}", json={"version": 1, "product_name": "  "})
    assert emptied.json()["product_name"] is None
    body = {"product_ids": [named["id"], blank["id"]], "changes": {"brand_name": " Eti ", "category": "   "}}
    assert (await http.post("/products/bulk-edit", json=body)).json()["done"] == 2
    edited = (await http.get(f"/products/{blank['id']}")).json()
    assert (edited["brand_name"], edited["category"]) == ("Eti", None)


async def test_a_blank_search_chooses_nothing_for_work_on_many(http: httpx.AsyncClient) -> None:
    for search in ("", "  "):
        body = {"filters": {"search": search}, "confirm_count": 0}
        for path, more in (("bulk-delete", {}), ("bulk-edit", {"changes": {"status": "ready"}})):
            answer = await http.post(f"/products/{path}", json=body | more)
            assert answer.status_code == 422
            assert "blank search" in answer.json()["detail"]


async def test_no_edit_is_made_under_a_lock_that_has_ended(http: httpx.AsyncClient, home_db: Database) -> None:
    code = str(uuid.uuid4().int % 10**12)
    made = (await http.post("/products", json={"product_name": "Locked", "barcodes": [code, f"{code}1"]})).json()
    first, second = await add_images(home_db, uuid.UUID(made["id"]), 2)
    product, lock = f"/products/{made['id']}", f"/locks/product/{made['id']}"
    edits: list[tuple[str, str, dict[str, object] | None]] = [
        ("PATCH", product, {"category": "Tea", "version": (await http.get(product)).json()["version"]}),
        ("POST", f"{product}/barcodes", {"barcode": f"{code}2"}),
        ("POST", f"{product}/barcodes/{code}1/primary", None),
        ("DELETE", f"{product}/barcodes/{code}", None),
        ("POST", f"{product}/images/{second}/primary", None),
        ("DELETE", f"{product}/images/{first}", None),
        ("DELETE", product, None),
    ]
    ended = str((await http.post(lock)).json()["lock"]["token"])
    assert (await http.delete(lock)).json()["lock"] is None
    before = (await http.get(product)).json()
    for is_taken_anew in (False, True):
        if is_taken_anew:
            token = str((await http.post(lock)).json()["lock"]["token"])
        for method, path, body in edits:
            refused = await http.request(method, path, json=body, headers={"Lock-Token": ended})
            assert (method, path, refused.status_code, refused.json()["code"]) == (method, path, 409, "LOCK_LOST")
    assert (await http.get(product)).json() == before
    for method, path, body in edits:
        done = await http.request(method, path, json=body, headers={"Lock-Token": token})
        assert done.status_code in (200, 204), (method, path, done.text)
