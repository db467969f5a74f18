"""Frozen versions and exports of datasets, read back with what machine-learning people read them with."""

import asyncio
import csv
import io
import json
import uuid
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import httpx
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from PIL import Image
from sqlalchemy import delete, insert, text, update
from typer.testing import CliRunner

from buybuddy.cli import datasets as command
from buybuddy.connections import database_url, open_storage
from buybuddy.domain.datasets import service
from buybuddy.domain.datasets.exports import service as exports
from buybuddy.domain.datasets.exports.layouts import Labelled
from buybuddy.domain.datasets.rules import SPLITS, ExportFormat, SplitPlan
from buybuddy.domain.datasets.schemas import DatasetEdit, ProductChoice
from buybuddy.domain.datasets.tables import DatasetVersion
from buybuddy.domain.datasets.versions import repository as version_repository
from buybuddy.domain.datasets.versions import service as versions
from buybuddy.domain.datasets.versions.manifests import ManifestImage, read_manifest
from buybuddy.domain.products.tables import Product, ProductImage
from buybuddy.errors import Conflict, NotFound, PayloadTooLarge
from buybuddy.infra.db import Actor, Database, new_id
from buybuddy.infra.storage import ObjectStorage, object_key
from buybuddy.settings import Settings
from tests.conftest import RunningPlatform

SOMEBODY = Actor(None, "somebody")
N_PRODUCTS, N_IMAGES = 10, 40


@dataclass(frozen=True)
class Shelf:
    """A dataset whose products have synthetic, real and augmented images in storage."""

    db: Database
    storage: ObjectStorage
    dataset_id: uuid.UUID
    product_ids: list[uuid.UUID]

    async def freeze(self, plan: SplitPlan | None = None) -> DatasetVersion:
        return await versions.freeze(self.db, self.storage, self.dataset_id, plan or SplitPlan(), "", SOMEBODY)

    async def manifest(self, number: int | None) -> list[ManifestImage]:
        async with versions.open_manifest(self.db, self.storage, self.dataset_id, number, SplitPlan()) as manifest:
            return [image for images in read_manifest(manifest.path, 7) for image in images]

    async def export(self, form: ExportFormat, number: int | None = None) -> zipfile.ZipFile:
        chunks = exports.stream_export(self.db, self.storage, self.dataset_id, number, form)
        archive = zipfile.ZipFile(io.BytesIO(b"".join([chunk async for chunk in chunks])))
        assert archive.testzip() is None
        assert self.storage.list_keys("exports/staged/") == []
        for name in archive.namelist():
            assert "869" not in name.split("/")[0]
            assert "Çay" not in name
        return archive


async def fill(db: Database, storage: ObjectStorage) -> Shelf:
    async with db.transaction() as session:
        dataset = await service.create_dataset(session, f'"Çay": set {new_id()}', "", SOMEBODY)
        products = [new_id() for _ in range(N_PRODUCTS)]
        empty = new_id()
        rows = [
            {"id": id_, "status": "ready", "brand_name": "=HYPERLINK(1)", "product_name": "Çay, \"demli\"\n",
             "category": "N/A" if number % 2 else None}
            for number, id_ in enumerate([*products, empty])
        ]  # fmt: skip
        await session.execute(insert(Product), rows)
        images = [row for number, id_ in enumerate(products) for row in make_images(storage, id_, number)]
        await session.execute(insert(ProductImage), images)
        await service.add_products(session, dataset.id, ProductChoice(product_ids=[*products, empty]), SOMEBODY)
    return Shelf(db, storage, dataset.id, products)


def make_images(storage: ObjectStorage, product_id: uuid.UUID, number: int) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for kind in ("synthetic", "synthetic", "real", "augmented"):
        image_id, buffer = new_id(), io.BytesIO()
        Image.new("RGB", (8 + number, 6), (number, len(rows), 7)).save(buffer, "PNG")
        stored = storage.put(object_key("frames", product_id, image_id, suffix=".png"), buffer.getvalue())
        rows.append(
            {"id": image_id, "product_id": product_id, "image_type": kind, "source": "upload",
             "storage_key": stored.key, "width_px": 8 + number, "height_px": 6, "size_bytes": stored.size_bytes,
             "sha256": stored.sha256, "frame_index": None,
             "parent_image_id": rows[2]["id"] if kind == "augmented" else None}
        )  # fmt: skip
    return rows


@pytest.fixture
async def shelf(db: Database, tmp_path: Path) -> Shelf:
    return await fill(db, ObjectStorage(f"file://{tmp_path}/objects"))


async def test_a_version_holds_every_image_split_by_product(shelf: Shelf) -> None:
    version, manifest = await shelf.freeze(), await shelf.manifest(1)
    assert (version.number, version.n_products, version.n_images) == (1, N_PRODUCTS, N_IMAGES)
    assert len({image.image_id for image in manifest}) == N_IMAGES
    assert {image.product_id for image in manifest} == {str(id_) for id_ in shelf.product_ids}
    splits = {image.product_id: image.split for image in manifest}
    assert all(splits[image.product_id] == image.split for image in manifest)
    assert sorted(list(splits.values()).count(split) for split in SPLITS) == [1, 1, 8]
    for split in SPLITS:
        counts = version.counts[split]
        own = [image for image in manifest if image.split == split]
        assert counts["products"] == len({image.product_id for image in own})
        assert counts["images"] == counts["synthetic"] + counts["real"] + counts["augmented"] == len(own)
        assert counts["domain_real"] == counts["real"] + counts["augmented"]  # the augmented are made of real ones
    for image in manifest:
        assert shelf.storage.get(image.storage_key)[:4] == b"\x89PNG"


async def test_the_same_content_and_seed_give_the_same_manifest(shelf: Shelf) -> None:
    first, again = await shelf.freeze(), await shelf.freeze()
    other = await shelf.freeze(SplitPlan(seed=7))
    assert (again.number, again.manifest_sha256, again.content_sha256) == (
        2,
        first.manifest_sha256,
        first.content_sha256,
    )
    assert other.content_sha256 != first.content_sha256
    async with shelf.db.transaction() as session:
        statement = update(ProductImage).where(ProductImage.product_id == shelf.product_ids[0])
        await session.execute(statement.values(sha256="0" * 64))
    assert (await shelf.freeze()).content_sha256 != first.content_sha256


async def test_versions_frozen_at_once_get_numbers_of_their_own_and_none_comes_twice(shelf: Shelf) -> None:
    frozen = await asyncio.gather(*(shelf.freeze() for _ in range(6)))
    assert sorted(version.number for version in frozen) == [1, 2, 3, 4, 5, 6]
    async with shelf.db.transaction() as session:
        await versions.remove_version(session, shelf.dataset_id, 6, SOMEBODY)
        dataset = await service.get_dataset(session, shelf.dataset_id)
        assert dataset.version == 1
    assert (await shelf.freeze()).number == 7
    async with shelf.db.transaction() as session:
        thrown = text("SELECT count(*) FROM object_trash WHERE key_or_prefix = :key")
        assert await session.scalar(thrown, {"key": frozen[0].manifest_key}) == 0
        gone = next(version for version in frozen if version.number == 6)
        assert await session.scalar(thrown, {"key": gone.manifest_key}) == 1


async def test_a_version_outlives_its_products_and_says_what_is_gone(shelf: Shelf) -> None:
    await shelf.freeze()
    before = await shelf.manifest(1)
    lost = [image for image in before if image.product_id == str(shelf.product_ids[0])]
    async with shelf.db.transaction() as session:
        await session.execute(delete(Product).where(Product.id == shelf.product_ids[0]))
    for image in lost:
        shelf.storage.delete_one(image.storage_key)
    changed = next(image for image in before if image not in lost)
    shelf.storage.put(changed.storage_key, b"something else")
    assert await shelf.manifest(1) == before
    assert len(await shelf.manifest(None)) == N_IMAGES - len(lost)
    found = await versions.verify(shelf.db, shelf.storage, shelf.dataset_id, 1, start=0, limit=1000)
    assert (found.is_manifest_intact, found.n_checked, found.next_start) == (True, N_IMAGES, None)
    assert {str(id_) for id_ in found.missing} == {image.image_id for image in lost}
    assert [str(id_) for id_ in found.changed] == [changed.image_id]
    n_missing, start = 0, cast(int | None, 0)
    while start is not None:
        part = await versions.verify(shelf.db, shelf.storage, shelf.dataset_id, 1, start=start, limit=9)
        n_missing, start = n_missing + part.n_missing, part.next_start
    assert n_missing == len(lost)
    for form in ("imagefolder", "coco", "oml-csv", "parquet", "huggingface"):
        archive = await shelf.export(form, 1)
        told = {row["image_id"] for row in csv.DictReader(text_of(archive, "about/missing_images.csv"))}
        assert told == {image.image_id for image in lost}
        assert json.loads(archive.read("about/dataset.json"))["n_images"] == N_IMAGES - len(lost)
        assert not any(lost[0].image_id in name for name in archive.namelist())


async def test_a_manifest_that_was_tampered_with_is_noticed(shelf: Shelf) -> None:
    version, other = await shelf.freeze(), await shelf.freeze(SplitPlan(seed=1))
    shelf.storage.put(version.manifest_key, shelf.storage.get(other.manifest_key))
    for damage in ("another's", "nonsense", "gone"):
        if damage == "nonsense":
            shelf.storage.put(version.manifest_key, b"PAR1 no more")
        elif damage == "gone":
            shelf.storage.delete_one(version.manifest_key)
        found = await versions.verify(shelf.db, shelf.storage, shelf.dataset_id, 1, start=0, limit=9)
        assert (found.is_manifest_intact, found.n_checked, found.next_start) == (False, 0, None)
        with pytest.raises(versions.ManifestDamaged, match="version 1"):
            await shelf.export("coco", 1)
    assert len(await shelf.manifest(2)) == N_IMAGES


async def test_many_who_freeze_at_once_leave_connections_to_others(shelf: Shelf, tmp_path: Path) -> None:
    db, n_held = Database(shelf.db.dsn, pool_size=10), [0]

    async def write(number: int) -> None:
        path = tmp_path / f"{number}.parquet"
        await versions.write_manifest(db, shelf.dataset_id, SplitPlan(), path)
        assert len(pq.read_table(path)) == N_IMAGES

    async def watch() -> None:
        while True:
            n_held.append(db.n_in_use)
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    await asyncio.gather(*map(write, range(10)))
    watching.cancel()
    assert 1 <= max(n_held) <= versions.WRITTEN_AT_ONCE
    await db.close()


async def test_what_cannot_be_frozen_is_refused_and_leaves_nothing(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shelf.db.transaction() as session:
        empty = await service.create_dataset(session, f"empty {new_id()}", "", SOMEBODY)
    for dataset_id, error in ((empty.id, Conflict), (new_id(), NotFound)):
        with pytest.raises(error):
            await versions.freeze(shelf.db, shelf.storage, dataset_id, SplitPlan(), "", SOMEBODY)
    monkeypatch.setattr(versions, "FROZEN_AT_MOST", N_IMAGES - 1)
    with pytest.raises(PayloadTooLarge, match=str(N_IMAGES)):
        await shelf.freeze()
    async with shelf.db.transaction() as session:
        assert await version_repository.find_version(session, shelf.dataset_id, 1) is None
    assert shelf.storage.list_keys("exports/") == []


def text_of(archive: zipfile.ZipFile, name: str) -> io.StringIO:
    return io.StringIO(archive.read(name).decode("utf-8-sig"), newline="")


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def pictures(archive: zipfile.ZipFile, prefix: str = "") -> set[str]:
    return {name for name in archive.namelist() if name.startswith(prefix) and name.endswith(".png")}


async def test_an_imagefolder_has_a_folder_for_each_product_of_a_split(shelf: Shelf) -> None:
    archive = await shelf.export("imagefolder")
    manifest = await shelf.manifest(None)
    assert pictures(archive) == {f"{one.split}/{one.product_id}/{one.image_id}.png" for one in manifest}
    table = list(csv.DictReader(text_of(archive, "about/products.csv")))
    assert {row["product_id"] for row in table} == {one.product_id for one in manifest}
    assert {row["brand_name"] for row in table} == {"'=HYPERLINK(1)"}
    assert pq.read_table(io.BytesIO(archive.read("about/manifest.parquet"))).num_rows == N_IMAGES


async def test_coco_files_are_whole_and_agree_with_the_pictures(shelf: Shelf) -> None:
    archive = await shelf.export("coco")
    image_ids: list[int] = []
    for split in SPLITS:
        document = json.loads(archive.read(f"annotations/instances_{split}.json"))
        own = {image["id"]: image for image in document["images"]}
        assert {f"images/{split}/{image['file_name']}" for image in own.values()} == pictures(
            archive, f"images/{split}"
        )
        image_ids.extend(own)
        categories = {category["id"]: category["name"] for category in document["categories"]}
        assert len(categories) == len(set(categories.values())) == N_PRODUCTS
        assert len({annotation["id"] for annotation in document["annotations"]}) == len(own)
        for annotation in document["annotations"]:
            image = own[annotation["image_id"]]
            assert annotation["bbox"] == [0, 0, image["width"], image["height"]]
            assert annotation["area"] == image["width"] * image["height"] > 0
            assert image["file_name"].startswith(categories[annotation["category_id"]])
    assert len(image_ids) == len(set(image_ids)) == N_IMAGES


async def test_tables_for_open_metric_learning_keep_its_rules(shelf: Shelf) -> None:
    archive = await shelf.export("oml-csv")
    by_label: dict[str, set[str]] = {}
    for name in ("df.csv", "df_test.csv"):
        rows = list(csv.DictReader(text_of(archive, name)))
        assert {row["split"] for row in rows} == {"train", "validation"}
        for row in rows:
            assert row["path"] in pictures(archive)
            wanted = ("", "") if row["split"] == "train" else ("True", "True")
            assert (row["is_query"], row["is_gallery"]) == wanted
            assert row["category"] == ""  # "N/A" and nothing are one, as readers take them
            by_label.setdefault(row["label"], set()).add(row["product_id"])
        held_out = {row["label"] for row in rows if row["split"] == "validation"}
        assert held_out.isdisjoint(row["label"] for row in rows if row["split"] == "train")
    assert sorted(map(int, by_label)) == list(range(N_PRODUCTS))
    assert all(len(product_ids) == 1 for product_ids in by_label.values())


async def test_parquet_shards_carry_the_pictures(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("buybuddy.domain.datasets.exports.parquet_layout.SHARD_BYTES", 700)
    archive = await shelf.export("parquet")
    shards = [name for name in archive.namelist() if name.startswith("data/")]
    assert len([name for name in shards if name.startswith("data/train-")]) > 1
    rows = [row for name in shards for row in pq.read_table(io.BytesIO(archive.read(name))).to_pylist()]
    assert len({row["image_id"] for row in rows}) == N_IMAGES
    for row in rows:
        assert Image.open(io.BytesIO(row["image"]["bytes"])).size[1] == 6
        assert row["brand_name"] == "=HYPERLINK(1)"


async def test_large_pictures_are_held_a_few_at_a_time(shelf: Shelf) -> None:
    images = await shelf.manifest(None)
    some = [Labelled(replace(one, size_bytes=size), 0) for one, size in zip(images, (4, 5, 1, 12, 3, 7), strict=False)]
    portions = list(exports.portions(some, 10))
    assert [[one.image.size_bytes for one in portion] for portion in portions] == [[4, 5, 1], [12], [3, 7]]
    assert list(exports.portions([])) == []


async def test_a_hugging_face_folder_says_of_every_picture_what_it_is(shelf: Shelf) -> None:
    archive = await shelf.export("huggingface")
    seen = set()
    for folder in ("train", "validation", "test"):
        for line in text_of(archive, f"{folder}/metadata.jsonl"):
            row = json.loads(line)
            assert None not in row.values()
            seen.add(f"{folder}/{row['file_name']}")
    assert seen == pictures(archive)
    card = archive.read("README.md").decode()
    assert card.startswith('---\npretty_name: "\\"Çay\\": set')
    async with shelf.db.transaction() as session:  # YAML takes no control characters
        await service.edit_dataset(session, shelf.dataset_id, DatasetEdit(name=f"a\x7f\x85b😀{new_id()}"), 1, SOMEBODY)
    archive = await shelf.export("huggingface")
    assert archive.read("README.md").decode().startswith('---\npretty_name: "ab😀')


@pytest.fixture
async def http(platform: RunningPlatform) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {platform.key}"}
    async with httpx.AsyncClient(base_url=f"{platform.url}/api/v1", headers=headers, timeout=60) as client:
        yield client


async def test_versions_over_http(http: httpx.AsyncClient, platform: RunningPlatform) -> None:
    settings = Settings.for_home(platform.home)
    db = Database(database_url(settings))
    path = f"/datasets/{(await fill(db, open_storage(settings))).dataset_id}"
    await db.close()
    refused = await http.post(f"{path}/versions", json={"ratios": {"train": 0.5, "val": 0.2, "test": 0.2}})
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (400, "INVALID_INPUT", "ratios")
    made = await http.post(f"{path}/versions", json={"seed": 7, "note": "first"})
    assert made.status_code == 201, made.text
    version = made.json()
    assert (version["number"], version["seed"], version["image_count"]) == (1, 7, N_IMAGES)
    assert version["splits"]["train"]["products"] == 8
    assert (await http.get(f"{path}/versions")).json()["items"] == [version]
    assert (await http.get(path)).json()["last_version_number"] == 1
    verified = (await http.post(f"{path}/versions/1/verify")).json()
    assert (verified["n_checked"], verified["n_missing"], verified["next_start"]) == (N_IMAGES, 0, None)

    for params in ({"format": "coco"}, {"format": "huggingface", "version": "1"}):
        answer = await http.get(f"{path}/export", params=params)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
        assert len(pictures(zipfile.ZipFile(io.BytesIO(answer.content)))) == N_IMAGES
    assert (await http.get(f"{path}/export", params={"format": "tfrecord"})).status_code == 422
    assert (await http.get(f"{path}/export", params={"format": "coco", "version": 9})).status_code == 404
    unknown = f"/datasets/{uuid.uuid4()}"
    assert (await http.get(f"{unknown}/export", params={"format": "coco"})).status_code == 404
    assert (await http.post(f"{unknown}/versions", json={})).status_code == 404
    assert (await http.delete(f"{path}/versions/1")).status_code == 204
    assert (await http.get(f"{path}/versions/1")).status_code == 404


async def test_the_command_line_makes_freezes_writes_and_verifies(platform: RunningPlatform, tmp_path: Path) -> None:
    settings = Settings.for_home(platform.home)
    db, storage = Database(database_url(settings)), open_storage(settings)
    shelf = await fill(db, storage)

    def run(*words: str, code: int = 0) -> dict[str, object]:
        done = CliRunner().invoke(
            command.app, [*words, "--server", platform.url, "--json"], env={"BUYBUDDY_API_KEY": platform.key}
        )
        assert done.exit_code == code, done.output
        found: dict[str, object] = json.loads(done.stdout)
        return found

    name = f"made by hand {new_id()}"
    assert run("create", name)["name"] == name
    assert run("add", name, *map(str, shelf.product_ids))["added"] == N_PRODUCTS
    version = run("freeze", name, "--train", "0.5", "--val", "0.25", "--test", "0.25")
    assert version["image_count"] == N_IMAGES
    target = tmp_path / "set.zip"
    run("export", name, "--format", "oml-csv", "--version", "1", "--output", str(target))
    assert len(pictures(zipfile.ZipFile(target))) == N_IMAGES
    assert names_in(tmp_path) == [target.name]
    assert run("verify", name, "--version", "1")["n_checked"] == N_IMAGES
    storage.delete_one((await shelf.manifest(None))[0].storage_key)
    assert run("verify", name, "--version", "1", code=1)["n_missing"] == 1
    await db.close()
