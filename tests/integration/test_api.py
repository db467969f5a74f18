"""The API as a program meets it: bad input is refused with its reason, edits do not overwrite each other."""

import io
import uuid
from collections.abc import AsyncIterator

import httpx
import pytest
from PIL import Image

from buybuddy.connections import database_url
from buybuddy.domain.products import repository
from buybuddy.domain.products.tables import Product
from buybuddy.infra.db import Database, new_id
from buybuddy.settings import Settings
from tests.conftest import RunningPlatform


@pytest.fixture
async def http(platform: RunningPlatform) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {platform.key}"}
    async with httpx.AsyncClient(base_url=f"{platform.url}/api/v1", headers=headers, timeout=60) as client:
        yield client


@pytest.fixture
async def product(platform: RunningPlatform) -> AsyncIterator[uuid.UUID]:
    db = Database(database_url(Settings.for_home(platform.home)))
    async with db.transaction() as session:
        row = Product(
            id=new_id(), status="needs_matching", product_name="100%_Juice", brand_name="Öz", category="juice"
        )
        session.add(row)
        await session.flush()
        await repository.add_barcode(session, row.id, "00012345678905")
        await repository.add_barcode(session, row.id, "4006381333931")
    yield row.id
    await db.close()


async def test_a_picture_that_unpacks_to_gigabytes_is_refused_by_its_size(http: httpx.AsyncClient) -> None:
    packed = io.BytesIO()
    Image.new("1", (40_000, 40_000)).save(packed, "PNG")
    assert len(packed.getvalue()) < 1_000_000
    answer = await http.post("/search", files={"photo": ("photo.png", packed.getvalue())})
    assert (answer.status_code, answer.json()["code"]) == (422, "UNREADABLE_MEDIA")
    assert "megapixels" in answer.json()["detail"]


@pytest.mark.parametrize(("junk", "status"), [(b"", 422), (b"\xff\xd8\xff not a picture", 422), (b"<svg/>", 422)])
async def test_a_photo_that_is_none_is_refused_with_its_reason(
    http: httpx.AsyncClient, junk: bytes, status: int
) -> None:
    answer = await http.post("/search", files={"photo": ("photo.jpg", junk)})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "UNREADABLE_MEDIA"
    assert len(answer.json()["detail"]) > 10


async def test_files_that_are_no_videos_are_listed_and_leave_nothing(http: httpx.AsyncClient) -> None:
    files = [("files", ("empty.mp4", b"")), ("files", ("page.mp4", b"<html>hello</html>"))]
    answer = (await http.post("/videos/upload", files=files)).json()
    assert answer["videos"] == []
    assert [rejected["filename"] for rejected in answer["rejected"]] == ["empty.mp4", "page.mp4"]
    assert (await http.get("/videos", params={"search": "empty.mp4"})).json()["total"] == 0


async def test_a_video_cut_off_while_copied_fails_with_a_sentence_and_can_be_deleted(http: httpx.AsyncClient) -> None:
    head = b"\x00\x00\x00\x18ftypmp42" + bytes(500)
    video = (await http.post("/videos/upload", files={"files": ("cut.mp4", head)})).json()["videos"][0]
    job = (await http.post("/videos/process", json={"video_ids": [video["id"]]})).json()["jobs"][0]
    for _ in range(600):
        job = (await http.get(f"/jobs/{job['id']}")).json()
        if job["status"] == "failed":
            break
    assert job["error_code"] == "UNREADABLE_MEDIA"
    video = (await http.get(f"/videos/{video['id']}")).json()
    assert video["status"] == "failed"
    assert video["error"] == job["error_message"]
    assert (await http.delete(f"/videos/{video['id']}")).status_code == 204


async def test_a_product_is_found_by_any_barcode_and_the_beginnings_of_its_words(
    http: httpx.AsyncClient, product: uuid.UUID
) -> None:
    for search in ("0001234", "4006381333931", "100%_", "öz", "OZ jui", "JUİCE", "öz 00012345"):
        found = (await http.get("/products", params={"search": search})).json()
        assert str(product) in [row["id"] for row in found["items"]], search
        assert found["corrected_search"] is None
    for search in ("zzqq", "1234567", "öz 4006999999999", "%", "_' :* |"):
        found = (await http.get("/products", params={"search": search})).json()
        assert str(product) not in [row["id"] for row in found["items"]], search
    misspelled = (await http.get("/products", params={"search": "juicce"})).json()
    assert str(product) in [row["id"] for row in misspelled["items"]]
    assert misspelled["corrected_search"] == "juice"
    assert {"category": "juice", "count": 1} in (await http.get("/products/categories")).json()
    facets = (await http.get("/products/facets", params={"search": "öz"})).json()
    assert {"value": "needs_matching", "count": 1} in facets["statuses"] and facets["is_exact"]
    await http.delete(f"/products/{product}")


async def test_a_stale_edit_writes_nothing_and_shows_the_row_as_it_is(
    http: httpx.AsyncClient, product: uuid.UUID
) -> None:
    url = f"/products/{product}"
    version = (await http.get(url)).json()["version"]
    first = await http.patch(url, json={"version": version, "brand_name": "First"})
    assert first.json()["version"] == version + 1
    stale = await http.patch(url, json={"version": version, "brand_name": "Second"})
    assert stale.status_code == 409
    assert stale.json()["current_version"] == version + 1
    assert stale.json()["current"]["brand_name"] == "First"
    assert (await http.get(url)).json()["brand_name"] == "First"
    assert (await http.delete(url)).status_code == 204
    assert (await http.get(url)).status_code == 404
