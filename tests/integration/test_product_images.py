"""Pictures that are sent for a product: kept once, cut out where they are shop pictures, searchable soon after."""

import asyncio
import io
import uuid
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image, ImageDraw
from sqlalchemy import text

from buybuddy.connections import database_url, open_storage
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.products.images.adding import Edit, add_images
from buybuddy.domain.products.images.receiving import ImageFile, ImageReceiver
from buybuddy.domain.products.tables import ProductImage
from buybuddy.errors import Unavailable
from buybuddy.infra.db import Database, Session, Subject
from buybuddy.infra.executors import LocalExecutor
from buybuddy.infra.storage import ObjectStorage
from buybuddy.settings import Settings
from buybuddy.stages.messages import Setup
from tests.conftest import RunningPlatform
from tests.integration.conftest import SOMEBODY, Jobs


def shop_picture(seed: int, kind: str = "PNG", size_wh: tuple[int, int] = (240, 320)) -> bytes:
    """Draw a pack of some colours before plain white."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", size_wh, "white")
    draw = ImageDraw.Draw(image)
    width, height = size_wh
    draw.rectangle((width // 4, height // 8, 3 * width // 4, 7 * height // 8), fill=_colour(rng))
    draw.ellipse((width // 3, height // 3, 2 * width // 3, 2 * height // 3), fill=_colour(rng))
    return encoded(image, kind)


def photo(seed: int) -> bytes:
    """Make up a picture whose border is of no one colour."""
    rng = np.random.default_rng(seed)
    return encoded(Image.fromarray(rng.integers(0, 256, (200, 260, 3), dtype=np.uint8)), "JPEG")


def encoded(image: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in rng.integers(0, 180, 3))
    return red, green, blue


class Shop:
    """The calls of a person who has pictures of products."""

    def __init__(self, platform: RunningPlatform, http: httpx.Client) -> None:
        self.platform, self.http = platform, http
        self.database_url = database_url(Settings.for_home(platform.home))

    def product(self, **fields: object) -> str:
        made = self.http.post("/products", json={"brand_name": uuid.uuid4().hex, **fields})
        assert made.status_code == 201, made.text
        return str(made.json()["id"])

    def send(
        self, product_id: str, *files: tuple[str, bytes], image_type: str | None = None, **headers: str
    ) -> httpx.Response:
        return self.http.post(
            f"/products/{product_id}/images",
            files=[("files", file) for file in files],
            data={} if image_type is None else {"image_type": image_type},
            headers=headers,
        )

    def wait(self, job_id: str) -> str:
        with self.platform.client() as client:
            [job] = client.jobs.wait([job_id])
        return str(job.status)

    def keys(self, product_id: str) -> dict[str, str | None]:
        """Return the matte of each picture by the key of the picture."""

        async def ask() -> dict[str, str | None]:
            db = Database(self.database_url)
            async with db.transaction() as session:
                rows = await session.execute(
                    text("SELECT storage_key, matte_key FROM product_images WHERE product_id = :id"), {"id": product_id}
                )
                found = {row[0]: row[1] for row in rows}
            await db.close()
            return found

        return asyncio.run(ask())


@pytest.fixture
def shop(platform: RunningPlatform) -> Iterator[Shop]:
    headers = {"Authorization": f"Bearer {platform.key}"}
    with httpx.Client(base_url=platform.url + "/api/v1", headers=headers, timeout=120) as http:
        yield Shop(platform, http)


def test_pictures_are_kept_once_cut_out_and_found_by_a_search(shop: Shop) -> None:
    product_id = shop.product(status="pending")
    first = shop.send(product_id, ("front.png", shop_picture(1)), ("../b/back.webp", shop_picture(2, "WEBP")))
    assert first.status_code == 201, first.text
    answer = first.json()
    assert [(one["outcome"], one["filename"]) for one in answer["files"]] == [
        ("added", "front.png"),
        ("added", "back.webp"),
    ]
    image = answer["files"][0]["image"]
    assert (image["image_type"], image["source"], image["width_px"], image["height_px"]) == (
        "synthetic", "upload", 240, 320,
    )  # fmt: skip
    product = answer["product"]
    assert (product["status"], product["frame_count"]) == ("needs_matching", 2)
    assert image["is_primary"] and product["primary_image_url"] == image["url"]
    assert first.headers["etag"] == f'"v{product["version"]}"'
    matte = np.array(Image.open(io.BytesIO(shop.http.get(shop.platform.url + image["matte_url"]).content)))
    assert matte.shape == (320, 240) and matte[160, 120] == 255 and matte[0, 0] == matte[319, 239] == 0
    assert abs(float((matte > 0).mean()) - 0.5 * 0.75) < 0.01
    thumbnail = Image.open(io.BytesIO(shop.http.get(shop.platform.url + image["thumbnail_url"]).content))
    assert (thumbnail.format, thumbnail.size) == ("WEBP", (240, 320))
    assert shop.wait(answer["job"]["id"]) == "completed"

    again = shop.send(
        product_id, ("other.png", shop_picture(1)), ("c.png", shop_picture(3)), ("d.png", shop_picture(3))
    )
    assert [one["outcome"] for one in again.json()["files"]] == ["known", "added", "known"]
    assert again.json()["files"][0]["image"]["id"] == image["id"]
    assert again.json()["product"]["frame_count"] == 3
    nothing_new = shop.send(product_id, ("front.png", shop_picture(1)), ("c.png", shop_picture(3))).json()
    assert nothing_new["product"]["version"] == again.json()["product"]["version"]
    assert shop.wait(again.json()["job"]["id"]) == "completed"

    found = shop.http.post("/search", files={"photo": ("x.png", shop_picture(1))}).json()["results"]
    assert product_id in [result["product_id"] for result in found]
    other = shop.product()
    assert shop.send(other, ("same.png", shop_picture(1))).json()["files"][0]["outcome"] == "added"


def test_a_photo_is_not_cut_out_whatever_it_is_said_to_be(shop: Shop) -> None:
    product_id = shop.product()
    shop.send(product_id, ("a.jpg", photo(1)))
    shop.send(product_id, ("b.jpg", photo(2)), ("c.png", shop_picture(4)), image_type="real")
    assert list(shop.keys(product_id).values()) == [None, None, None]
    frames = shop.http.get(f"/products/{product_id}/frames").json()
    assert (frames["synthetic_total"], frames["real_total"]) == (1, 2)
    only_real = shop.product()
    sent = shop.send(only_real, ("b.jpg", photo(2)), image_type="real").json()
    assert (sent["product"]["status"], sent["product"]["real_count"]) == ("pending", 1)


def test_what_is_no_picture_is_listed_and_stops_no_other(shop: Shop) -> None:
    product_id = shop.product()
    whole = shop_picture(5, "JPEG", (800, 600))
    bomb = bytearray(shop_picture(6))
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    files = (
        ("empty.png", b""),
        ("page.jpg", b"<svg onload=alert(1)>"),
        ("cut.jpg", whole[: len(whole) // 2]),
        ("bomb.png", bytes(bomb)),
        ("video.mp4", b"\x00\x00\x00\x18ftypmp42" + b"\x00" * 50),
        ("whole.jpg", whole),
    )
    answer = shop.send(product_id, *files)
    assert answer.status_code == 201, answer.text
    assert [one["outcome"] for one in answer.json()["files"]] == ["refused"] * 5 + ["added"]
    reasons = [one["reason"] for one in answer.json()["files"]]
    assert reasons[:2] == ["The file is empty.", "This is not a JPEG, PNG or WebP picture."]
    assert "damaged" in reasons[2] and "too large" in reasons[3]
    assert len(shop.keys(product_id)) == 1
    none = shop.send(shop.product(), ("empty.png", b""))
    assert (none.status_code, none.json()["job"], none.json()["product"]["version"]) == (201, None, 1)
    assert shop.send(product_id, *[(f"{n}.png", b"x") for n in range(101)]).status_code == 400
    assert shop.send(product_id, ("a.png", whole), image_type="augmented").status_code == 422
    assert shop.send(str(uuid.uuid4()), ("a.png", whole)).status_code == 404
    assert shop.http.post(f"/products/{product_id}/images").status_code == 422


def test_pictures_are_not_added_from_a_stale_version_or_past_somebody_elses_lock(shop: Shop) -> None:
    product_id = shop.product()
    version = shop.http.get(f"/products/{product_id}").json()["version"]
    assert shop.send(product_id, ("a.png", shop_picture(7)), **{"If-Match": f'"v{version}"'}).status_code == 201
    stale = shop.send(product_id, ("b.png", shop_picture(8)), **{"If-Match": f'"v{version}"'})
    assert (stale.status_code, stale.json()["current"]["id"]) == (409, product_id)
    assert len(shop.keys(product_id)) == 1
    with shop.platform.client() as client, client.locks.acquire("product", product_id) as lock:
        refused = shop.send(product_id, ("b.png", shop_picture(8)), **{"Lock-Token": str(lock.token + 1)})
        assert refused.status_code in (409, 423)
        assert shop.send(product_id, ("b.png", shop_picture(8)), **{"Lock-Token": str(lock.token)}).status_code == 201


def test_a_removed_picture_takes_its_objects_along_and_may_come_again(shop: Shop) -> None:
    product_id = shop.product()
    image = shop.send(product_id, ("a.png", shop_picture(9))).json()["files"][0]["image"]
    storage = open_storage(Settings.for_home(shop.platform.home))
    [(key, _)] = shop.keys(product_id).items()
    assert len(storage.list_keys(key.rsplit("/", 1)[0] + "/")) == 3
    assert shop.http.delete(f"/products/{product_id}/images/{image['id']}").status_code == 200
    again = shop.send(product_id, ("a.png", shop_picture(9))).json()["files"][0]
    assert again["outcome"] == "added" and again["image"]["id"] != image["id"]


class Bench:
    """Receiving and adding as the API process does it, on a database of its own."""

    def __init__(self, jobs: Jobs, folder: Path) -> None:
        self.jobs, self.db = jobs, jobs.db
        self.storage = ObjectStorage(f"file://{folder / 'storage'}")
        self.queries = LocalExecutor(
            Setup(
                storage_url=f"file://{folder / 'storage'}",
                models_dir=folder,
                scratch_dir=folder / "scratch",
                n_threads=1,
            )
        )
        self.followed: list[int] = []

    async def product(self) -> uuid.UUID:
        [product_id] = await self.jobs.sql(
            "INSERT INTO products (id, status) VALUES (gen_random_uuid(), 'pending') RETURNING id"
        )
        assert isinstance(product_id, uuid.UUID)
        return product_id

    async def follow(self, session: Session, images: Sequence[ProductImage], subject: Subject) -> Job | None:
        self.followed.append(len(images))
        return None

    async def send(self, product_id: uuid.UUID, *pictures: bytes) -> None:
        files = [ImageFile(f"{n}.png", io.BytesIO(picture)) for n, picture in enumerate(pictures)]
        receiver = ImageReceiver(self.db, self.storage, self.queries, product_id, "synthetic")
        received = await receiver.receive(files)
        async with self.db.transaction() as session:
            await add_images(session, self.follow, product_id, received, "synthetic", Edit(SOMEBODY))


@pytest.fixture
async def bench(jobs: Jobs, tmp_path: Path) -> Bench:
    await jobs.sql("TRUNCATE tallies, products CASCADE")
    return Bench(jobs, tmp_path)


async def test_two_who_send_the_same_picture_at_once_add_it_once(bench: Bench) -> None:
    product_id = await bench.product()
    await asyncio.gather(*(bench.send(product_id, shop_picture(1), shop_picture(2)) for _ in range(4)))
    assert await bench.jobs.sql("SELECT frame_count FROM products") == [2]
    assert sum(bench.followed) == 2
    kept = await bench.jobs.sql("SELECT storage_key FROM product_images")
    trash = await bench.jobs.sql("SELECT key_or_prefix FROM object_trash WHERE due_at <= clock_timestamp()")
    for key in bench.storage.list_keys("frames/"):
        prefix = key.rsplit("/", 1)[0] + "/"
        assert (prefix in trash) != any(str(one).startswith(prefix) for one in kept)
    assert await bench.jobs.sql("SELECT count(*) FROM object_trash WHERE due_at > clock_timestamp() + '1 min'") == [
        sum(1 for prefix in set(trash))
    ]
    await bench.queries.close()


async def test_what_was_stored_is_removed_when_its_row_never_came(bench: Bench) -> None:
    product_id = await bench.product()
    receiver = ImageReceiver(bench.db, bench.storage, bench.queries, product_id, "synthetic")
    received = await receiver.receive([ImageFile("a.png", io.BytesIO(shop_picture(1)))])
    [prefix] = await bench.jobs.sql("SELECT key_or_prefix FROM object_trash")
    assert all(key.startswith(str(prefix)) for key in bench.storage.list_keys("frames/"))
    await bench.jobs.sql("DELETE FROM object_trash")  # the collector was there first
    with pytest.raises(Unavailable, match="too long"):
        async with bench.db.transaction() as session:
            await add_images(session, bench.follow, product_id, received, "synthetic", Edit(SOMEBODY))
    assert await bench.jobs.sql("SELECT count(*) FROM product_images") == [0]
    await bench.queries.close()
