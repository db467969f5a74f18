"""Downloads and exports over real HTTP: what is in them, what cannot get into them, and that they end when asked to."""

import asyncio
import csv
import hashlib
import io
import json
import os
import uuid
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, text

from buybuddy.connections import database_url, open_storage
from buybuddy.domain.products import repository
from buybuddy.domain.products.exports import service as exports
from buybuddy.domain.products.lists.filters import ProductFilters
from buybuddy.domain.products.tables import Product, ProductImage
from buybuddy.infra.db import Database, new_id
from buybuddy.infra.http.streaming import MOST_AT_ONCE, StreamedFile, TooManyStreams, stream_file
from buybuddy.infra.storage import ObjectStorage, object_key
from buybuddy.infra.storage.zip_stream import WHOLE_UP_TO_BYTES, ZipEntry, stream_zip
from buybuddy.settings import Settings
from tests.conftest import RunningPlatform

HOSTILE_NAMES = ("=cmd|'/c calc'!A1", "../../etc/passwd", "Şeker 😀\r\n=1+1", '"; drop;=2', "\t@SUM(A1)")
FIRST_OF_FORMULAS = "=+-@\t\r"


@dataclass
class Catalogue:
    """Products with stored images, straight in the database and the storage of the platform."""

    db: Database
    storage: ObjectStorage
    category: str

    async def add(self, name: str, n_images: int = 0, barcode: str | None = None) -> uuid.UUID:
        product_id = new_id()
        async with self.db.transaction() as session:
            session.add(Product(id=product_id, status="ready", product_name=name, category=self.category))
            await session.flush()
            for index in range(n_images):
                session.add(self._image(product_id, index, ("synthetic", "real", "augmented")[index % 3]))
            await session.flush()
            if barcode:
                await repository.add_barcode(session, product_id, barcode)
        return product_id

    def _image(self, product_id: uuid.UUID, index: int, image_type: str) -> ProductImage:
        key = object_key("frames", product_id, str(index), suffix=".png")
        matte_key = object_key("frames", product_id, f"{index}-matte", suffix=".png") if index == 0 else None
        stored = self.storage.put(key, os.urandom(20_000))
        if matte_key:
            self.storage.put(matte_key, b"matte")
        return ProductImage(
            id=new_id(), product_id=product_id, image_type=image_type, source="upload", storage_key=key,
            matte_key=matte_key, frame_index=index if image_type == "synthetic" else None, width_px=1, height_px=1,
            size_bytes=stored.size_bytes, sha256=stored.sha256,
        )  # fmt: skip


@pytest.fixture
async def catalogue(platform: RunningPlatform) -> AsyncIterator[Catalogue]:
    settings = Settings.for_home(platform.home)
    db = Database(database_url(settings))
    made = Catalogue(db, open_storage(settings), f"exports {uuid.uuid4()}")
    yield made
    async with db.transaction() as session:
        await session.execute(delete(Product).where(Product.category == made.category))
    await db.close()


@pytest.fixture
async def http(platform: RunningPlatform) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {platform.key}"}
    async with httpx.AsyncClient(base_url=f"{platform.url}/api/v1", headers=headers, timeout=60) as client:
        yield client


def opened(answer: httpx.Response) -> zipfile.ZipFile:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    return archive


async def test_an_archive_holds_every_image_and_says_what_each_is(
    http: httpx.AsyncClient, catalogue: Catalogue
) -> None:
    product_id = await catalogue.add("Çikolata", n_images=7, barcode="00012300045600")
    answer = await http.get(f"/products/{product_id}/download")
    assert answer.headers["content-disposition"] == f'attachment; filename="product-{product_id}.zip"'
    archive = opened(answer)
    described = json.loads(archive.read("metadata.json"))
    assert described["product"]["barcode"] == "00012300045600"
    assert described["product"]["product_name"] == "Çikolata"
    assert len(described["images"]) == 7
    for image in described["images"]:
        assert image["file"].startswith(image["image_type"] + "/")
        assert hashlib.sha256(archive.read(image["file"])).hexdigest() == image["sha256"]
    mattes = [image["matte_file"] for image in described["images"] if image["matte_file"]]
    assert [archive.read(matte) for matte in mattes] == [b"matte"]
    files = {image["file"] for image in described["images"]}
    assert set(archive.namelist()) == files | {*mattes, "metadata.json"}


async def test_names_that_somebody_typed_are_in_no_file_name_and_in_no_formula(
    http: httpx.AsyncClient, catalogue: Catalogue
) -> None:
    ids = [await catalogue.add(name, n_images=1) for name in HOSTILE_NAMES]
    archive = opened(await http.post("/products/download", json={"product_ids": [str(i) for i in ids]}))
    for name in archive.namelist():
        folder, *rest = name.split("/")
        assert uuid.UUID(folder) in ids and ".." not in rest and name.isascii()
    written = {json.loads(archive.read(f"{i}/metadata.json"))["product"]["product_name"] for i in ids}
    assert written == set(HOSTILE_NAMES)

    answer = await http.post("/products/export/csv", json={"product_ids": [str(i) for i in ids]})
    assert answer.content.startswith(
        b"\xef\xbb\xbfid,barcode,brand_name,product_name,category,status,frame_count,created_at\r\n"
    )
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert {row["id"] for row in rows} == {str(i) for i in ids}
    for row in rows:
        assert not any(value.startswith(tuple(FIRST_OF_FORMULAS)) for value in row.values())
    for line in answer.content.decode("utf-8-sig").splitlines():  # as a spreadsheet that splits at ; reads it
        assert not any(part.startswith(tuple("=+-@")) for part in line.split(";"))


@given(st.text(alphabet=st.sampled_from("=+-@\t\r\n;,'\"aş "), max_size=12))
def test_a_defused_cell_begins_no_formula_and_loses_nothing(cell: str) -> None:
    safe = exports.defused(cell)
    for part in safe.replace("\n", ";").replace("\r", ";").replace("\t", ";").split(";"):
        assert not part.startswith(tuple("=+-@"))
    assert not safe.startswith(tuple(FIRST_OF_FORMULAS))
    assert safe.replace("'", "") == cell.replace("'", "")


async def test_what_storage_lost_is_left_out_and_listed(http: httpx.AsyncClient, catalogue: Catalogue) -> None:
    product_id = await catalogue.add("Lossy", n_images=3)
    catalogue.storage.delete_one(object_key("frames", product_id, "1", suffix=".png"))
    archive = opened(await http.get(f"/products/{product_id}/download"))
    lost = [i["file"] for i in json.loads(archive.read("metadata.json"))["images"] if i["image_type"] == "real"]
    assert archive.read("MISSING.txt").decode() == f"{lost[0]}: is not in storage\n"
    assert lost[0] not in archive.namelist()


async def test_json_is_an_array_or_a_line_each_and_filters_choose(
    http: httpx.AsyncClient, catalogue: Catalogue
) -> None:
    ids = [str(await catalogue.add(f"Nr {n}")) for n in range(3)]
    wanted = {"filters": {"category": catalogue.category}}
    array = (await http.post("/products/export/json", json=wanted)).json()
    assert [row["id"] for row in array] == ids, "oldest first"
    lines = (await http.post("/products/export/json", json=wanted, headers={"Accept": "application/x-ndjson"})).text
    assert [json.loads(line) for line in lines.splitlines()] == array
    same = (await http.post("/products/export/json?format=ndjson", json=wanted)).text
    assert same == lines
    searched = await http.post("/products/export/json", json={"filters": {**wanted["filters"], "search": "nr 2"}})
    assert [row["id"] for row in searched.json()] == ids[2:]
    archive = opened(await http.get("/products/download/all", params={"category": catalogue.category}))
    assert sorted(archive.namelist()) == sorted(f"{i}/metadata.json" for i in ids)


async def test_nothing_chosen_is_an_empty_file_and_the_unknown_is_404(
    http: httpx.AsyncClient, catalogue: Catalogue
) -> None:
    nothing = {"filters": {"category": f"{catalogue.category} none"}}
    assert (await http.post("/products/export/json", json=nothing)).json() == []
    assert (await http.post("/products/export/json?format=ndjson", json=nothing)).content == b""
    assert len((await http.post("/products/export/csv", json=nothing)).content.splitlines()) == 1
    assert opened(await http.get("/products/download/all", params=nothing["filters"])).namelist() == []
    unknown = str(uuid.uuid4())
    known = str(await catalogue.add("Known"))
    for answer in (
        await http.get(f"/products/{unknown}/download"),
        await http.post("/products/download", json={"product_ids": [known, unknown]}),
        await http.post("/products/export/csv", json={"product_ids": [known, unknown]}),
    ):
        assert (answer.status_code, answer.json()["product_ids"]) == (404, [unknown])
    refused: list[dict[str, object]] = [
        {"product_ids": [known] * 1001},
        {"product_ids": []},
        {"product_ids": [known], "a": 1},
    ]
    for body in refused:
        assert (await http.post("/products/download", json=body)).status_code == 422
    both = {"product_ids": [known], "filters": {}}
    assert (await http.post("/products/export/csv", json=both)).status_code == 422


async def test_who_exported_what_is_written_down(http: httpx.AsyncClient, catalogue: Catalogue) -> None:
    await catalogue.add("Audited")
    await http.post("/products/export/csv", json={"filters": {"category": catalogue.category}})
    async with catalogue.db.transaction() as session:
        found = "SELECT after FROM audit_events WHERE action = 'product.export' ORDER BY at DESC LIMIT 1"
        after = await session.scalar(text(found))
    assert after == {"format": "csv", "n_products": 1, "filters": {"category": catalogue.category}}


async def test_an_export_is_one_moment_of_the_catalogue(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("buybuddy.domain.products.exports.repository.ROWS_AT_ONCE", 5)
    ids = [await catalogue.add("Before") for _ in range(40)]
    everything = exports.stream_json(catalogue.db, ProductFilters(category=catalogue.category), is_lines=True)
    async with aclosing(everything) as chunks:
        parts = [await anext(chunks)]
        async with catalogue.db.transaction() as session:
            await session.execute(delete(Product).where(Product.id.in_(ids[20:30])))
            change = "UPDATE products SET product_name = 'After' WHERE category = :category"
            await session.execute(text(change), {"category": catalogue.category})
        await catalogue.add("Late")
        parts += [chunk async for chunk in chunks]
    rows = [json.loads(line) for line in b"".join(parts).splitlines()]
    assert [row["id"] for row in rows] == [str(i) for i in ids]
    assert {row["product_name"] for row in rows} == {"Before"}


async def test_a_client_that_leaves_ends_the_stream_within_a_second(
    http: httpx.AsyncClient, platform: RunningPlatform, catalogue: Catalogue
) -> None:
    product_id = await catalogue.add("Large", n_images=1200)
    pid = platform.supervisor.pids["api"]
    n_files = n_open_files(pid)
    async with http.stream("GET", f"/products/{product_id}/download") as answer:
        taken = answer.aiter_bytes()
        await anext(taken)
        assert await open_streams(platform) == 1
    await http.aclose()
    async with asyncio.timeout(1):
        while await open_streams(platform) or await open_snapshots(catalogue):  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.02)
    assert n_open_files(pid) <= n_files + 4, "no file is left open"


def n_open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def open_streams(platform: RunningPlatform) -> int:
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {platform.key}"}) as client:
        metrics = (await client.get(f"{platform.url}/metrics")).text
    return int(
        float(next(line.split()[1] for line in metrics.splitlines() if line.startswith("buybuddy_streams_open ")))
    )


async def open_snapshots(catalogue: Catalogue) -> int:
    async with catalogue.db.transaction() as session:
        held = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND pid <> pg_backend_pid()"
        return int(await session.scalar(text(held)) or 0)


def entries_of(entries: Sequence[ZipEntry]) -> AsyncGenerator[ZipEntry, None]:
    async def each() -> AsyncGenerator[ZipEntry, None]:
        for entry in entries:
            yield entry

    return each()


async def test_downloads_that_have_not_begun_to_flow_count_too() -> None:
    is_ready = asyncio.Event()

    async def chunks() -> AsyncGenerator[bytes, None]:
        await is_ready.wait()
        yield b"first"

    async def begin() -> StreamedFile | None:
        try:
            return await stream_file(chunks(), filename="a.zip", media_type="application/zip")
        except TooManyStreams:
            return None

    under_way = [asyncio.create_task(begin()) for _ in range(MOST_AT_ONCE + 4)]
    await asyncio.sleep(0.1)
    is_ready.set()
    files = await asyncio.gather(*under_way)
    assert files.count(None) == 4
    del files, under_way  # never sent
    await asyncio.sleep(0.1)
    assert await begin() is not None


async def test_objects_of_every_size_come_out_as_they_are(catalogue: Catalogue) -> None:
    folder = str(uuid.uuid4())
    sizes = (0, 1, WHOLE_UP_TO_BYTES, WHOLE_UP_TO_BYTES + 1, 5 * WHOLE_UP_TO_BYTES + 7)
    contents = {object_key("exports", folder, str(size)): os.urandom(size) for size in sizes}
    for key, content in contents.items():
        catalogue.storage.put(key, content)
    entries = [ZipEntry(f"Türkçe/{key}", key=key) for key in contents] + [ZipEntry("typed.txt", data=b"typed")]
    packed = b"".join([chunk async for chunk in stream_zip(catalogue.storage, entries_of(entries))])
    archive = zipfile.ZipFile(io.BytesIO(packed))
    assert archive.testzip() is None
    assert {name: archive.read(name) for name in archive.namelist()} == {
        **{f"Türkçe/{key}": content for key, content in contents.items()},
        "typed.txt": b"typed",
    }
    catalogue.storage.delete_prefix(object_key("exports", folder) + "/")


async def test_a_failure_among_the_entries_reaches_the_reader(catalogue: Catalogue) -> None:
    async def failing() -> AsyncGenerator[ZipEntry, None]:
        yield ZipEntry("first.txt", data=b"first")
        raise LookupError("gone")

    with pytest.raises(LookupError):
        async for _ in stream_zip(catalogue.storage, failing()):
            pass
