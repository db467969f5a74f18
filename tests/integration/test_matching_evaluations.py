"""Measuring matching on a real PostgreSQL with the real stage: the figures are those of counting by hand."""

import asyncio
import csv
import io
import uuid
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from buybuddy.domain.jobs.runner import JobRunner
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.matching.evaluations import repository, service
from buybuddy.domain.matching.evaluations.files import TruthRow, read_truth
from buybuddy.domain.matching.evaluations.service import Wish
from buybuddy.domain.matching.evaluations.tables import MatchEvaluation
from buybuddy.errors import InvalidInput
from buybuddy.flow import BATCH_STEPS, build_apply_result
from buybuddy.infra.db import new_id
from buybuddy.infra.db.pages import Window
from buybuddy.infra.executors import LocalExecutor
from buybuddy.infra.storage import ObjectStorage
from buybuddy.stages.messages import Setup
from tests.integration.conftest import SOMEBODY, Jobs

FloatArray = npt.NDArray[np.float32]
DIM = 3
CLEAR = "TRUNCATE tallies, products, real_images, image_embeddings, photo_embeddings, match_evaluations CASCADE"
IMAGE = (
    "INSERT INTO product_images (id, product_id, photo_id, image_type, source, storage_key, width_px, height_px,"
    " size_bytes, sha256) VALUES (:id, :product, :photo, :type, :source, :key, 1, 1, 1, :sha)"
)


class Shop:
    """Products, photos and vectors of a made-up encoder, in the words of a test."""

    def __init__(self, jobs: Jobs, folder: Path) -> None:
        self.jobs, self.sql = jobs, jobs.sql
        self.storage = ObjectStorage(f"file://{folder / 'storage'}")
        self.encoder = new_id()

    async def open(self) -> None:
        await self.sql(
            "INSERT INTO encoders (id, name, weights_sha256, preprocessing, dim, is_serving)"
            " VALUES (:id, 'made-up', 'x', 'none/1', :dim, true)",
            id=self.encoder,
            dim=DIM,
        )

    async def product(self, barcode: str, *pictures: Sequence[float], category: str | None = None) -> uuid.UUID:
        product = new_id()
        await self.sql(
            "INSERT INTO products (id, product_name, category, status) VALUES (:id, 'P', :category, 'ready')",
            id=product,
            category=category,
        )
        await self.sql(
            "INSERT INTO product_barcodes (barcode, product_id, is_primary) VALUES (:code, :id, true)",
            code=barcode,
            id=product,
        )
        for vector in pictures:
            await self.picture(product, vector)
        return product

    async def picture(self, product: uuid.UUID, vector: Sequence[float], **more: Any) -> None:
        image = new_id()
        values = {"photo": None, "type": "synthetic", "source": "upload", "sha": image.hex, **more}
        await self.sql(IMAGE, id=image, product=product, key=f"frames/{image}", **values)
        await self.sql(
            "INSERT INTO image_embeddings (encoder_id, image_id, embedding) VALUES (:encoder, :image, :vector)",
            encoder=self.encoder,
            image=image,
            vector=str(list(vector)),
        )

    async def photo(
        self, name: str, vector: Sequence[float] | None, *, group: uuid.UUID | None = None, sha: str | None = None
    ) -> uuid.UUID:
        photo = new_id()
        await self.sql(
            "INSERT INTO real_images (id, name, source, storage_key, sha256, size_bytes, group_id, status)"
            " VALUES (:id, :name, 'test', :key, :sha, 1, :group, 'unassigned')",
            id=photo,
            name=name,
            key=f"real-images/{photo}",
            sha=sha or photo.hex,
            group=group or photo,
        )
        if vector is not None:
            await self.sql(
                "INSERT INTO photo_embeddings (encoder_id, photo_id, embedding, is_open, source)"
                " VALUES (:encoder, :photo, :vector, true, '')",
                encoder=self.encoder,
                photo=photo,
                vector=str(list(vector)),
            )
        return photo

    async def begin(self, truth: Sequence[tuple[str, str]], **wish: str) -> tuple[MatchEvaluation, Job]:
        rows = [TruthRow(number, *row) for number, row in enumerate(truth, start=2)]
        async with self.jobs.db.transaction() as session:
            begun = await service.begin(session, self.jobs.board, rows, Wish(**wish), SOMEBODY, None)
            job = await service.get_job(session, begun)
        assert job is not None
        return begun, job

    async def left_out(self, evaluation: MatchEvaluation) -> dict[str, str | None]:
        async with self.jobs.db.transaction() as session:
            rows = await repository.list_left_out(session, evaluation, Window())
        assert evaluation.n_left_out == len(rows.rows)
        return {row.path: row.reason for row in rows.rows}


@pytest.fixture
async def shop(jobs: Jobs, tmp_path: Path) -> AsyncIterator[Shop]:
    await jobs.sql(CLEAR)
    await jobs.sql("DELETE FROM encoders")  # row by row: the graphs go with each
    shop = Shop(jobs, tmp_path)
    await shop.open()
    yield shop
    await jobs.sql(CLEAR)
    await jobs.sql("DELETE FROM encoders")  # row by row: the graphs go with each


@pytest.fixture
async def runner(shop: Shop, tmp_path: Path) -> AsyncIterator[JobRunner]:
    executor = LocalExecutor(
        Setup(storage_url=shop.storage.url, models_dir=tmp_path, scratch_dir=tmp_path / "scratch", n_threads=1)
    )
    gathering = service.build_gathering(shop.storage, photos_of_part=4, products_of_part=2)
    steps = {**BATCH_STEPS, "gather_vectors": gathering}
    apply_result = build_apply_result(shop.jobs.board, shop.storage)
    yield JobRunner(shop.jobs.db, shop.jobs.board, executor, apply_result, batch_steps=steps)
    await executor.close()


async def measure(shop: Shop, runner: JobRunner, truth: Sequence[tuple[str, str]], **wish: str) -> dict[str, Any]:
    """Have a truth measured by both jobs and return the figures."""
    evaluation, gathering = await shop.begin(truth, **wish)
    await runner.run(gathering.id)
    async with shop.jobs.db.transaction() as session:
        ranking = await service.get_job(session, evaluation)
    assert ranking is not None and ranking.id != gathering.id and ranking.parent_job_id == gathering.id
    await runner.run(ranking.id)
    ended = await shop.jobs.look(ranking.id)
    assert ended.status == "completed", ended.error_message
    async with shop.jobs.db.transaction() as session:
        found = await service.get_evaluation(session, evaluation.id)
    assert found.result is not None
    assert ended.metrics["photo_to_product"] == found.result["photo_to_product"]
    return found.result


def unit(*values: float) -> list[float]:
    return [float(value / np.linalg.norm(values)) for value in values]


async def test_the_figures_are_those_of_counting_everything_by_hand(shop: Shop, runner: JobRunner) -> None:
    rng = np.random.default_rng(3)
    pictures, photos = {}, {}
    for code in "ABCDE":
        pictures[code] = [unit(*rng.standard_normal(DIM)) for _ in range(rng.integers(1, 4))]
        await shop.product(code, *pictures[code])
    truth = []
    for number in range(14):
        code = "ABCD"[int(rng.integers(0, 4))]
        truth.append((f"shelf/{number}.jpg", code))
        photos[truth[-1]] = unit(*(np.array(pictures[code][0]) + rng.standard_normal(DIM)))
        await shop.photo(truth[-1][0], photos[truth[-1]])
    result = await measure(shop, runner, truth)

    best = {
        (row, code): max(
            float(np.dot(np.array(photos[row], np.float32), np.array(one, np.float32))) for one in pictures[code]
        )
        for row in truth
        for code in "ABCDE"
    }
    ranks = [sorted("ABCDE", key=lambda code: -best[row, code]).index(row[1]) + 1 for row in truth]
    shown = sorted({code for _, code in truth})
    precisions, firsts, of_product = list[float](), list[bool](), list[float]()
    for code in shown:
        order = [row[1] == code for row in sorted(truth, key=lambda row: -best[row, code])]
        n = sum(order)
        precisions.append(sum(sum(order[: i + 1]) / (i + 1) for i in range(n) if order[i]) / n)
        firsts.append(order[0])
        hits = [rank == 1 for row, rank in zip(truth, ranks, strict=True) if row[1] == code]
        of_product.append(sum(hits) / len(hits))
    assert result["photo_to_product"] == {
        f"cmc@{k}": pytest.approx(np.mean([rank <= k for rank in ranks]), abs=1e-4) for k in (1, 5, 10)
    }
    assert result["product_to_photo"]["map@r"] == pytest.approx(np.mean(precisions), abs=1e-4)
    assert result["product_to_photo"]["cmc@1"] == pytest.approx(np.mean(firsts), abs=1e-4)
    assert result["macro"]["photo_to_product"]["cmc@1"] == pytest.approx(np.mean(of_product), abs=1e-4)
    assert (result["queries"], result["products"], result["products_with_photos"]) == (14, 5, len(shown))
    assert sum(pair["n_photos"] for pair in result["confused"]) == sum(rank > 1 for rank in ranks)


async def test_no_photo_is_found_because_of_a_copy_of_it(shop: Shop, runner: JobRunner) -> None:
    east, north, up = unit(1, 0, 0), unit(0, 1, 0), unit(0, 0, 1)
    first = await shop.product("1", east)
    await shop.product("2", north)
    burst = await shop.photo("a.jpg", up)
    await shop.photo("b.jpg", up, group=burst)
    await shop.photo("c.jpg", unit(1, 0, 0.1))
    await shop.photo("d.jpg", unit(0, 1, 0.1))
    approved = await shop.photo("approved.jpg", up, group=burst)
    await shop.picture(first, up, type="real", source="matching", photo=approved)
    await shop.picture(first, up, type="augmented", source="augmentation")
    truth = [("a.jpg", "1"), ("b.jpg", "1"), ("c.jpg", "1"), ("d.jpg", "2")]
    result = await measure(shop, runner, truth)
    assert result["photo_to_product"]["cmc@1"] == 0.5  # a and b are as far from both, whatever was approved
    assert (result["queries"], result["n_folded"]) == (4, 1)
    # The first: c, then a or d (equal: the wrong one first); folded, a is one photo and R is 2.
    assert result["product_to_photo"] == {"cmc@1": 1.0, "map@r": 0.75}


async def test_a_photo_that_is_its_products_own_picture_is_no_query(shop: Shop) -> None:
    product = await shop.product("1", unit(1, 0, 0))
    await shop.picture(product, unit(0, 1, 0), sha="the same bytes")
    original = await shop.photo("original.jpg", unit(0, 1, 0), sha="the same bytes")
    await shop.photo("near.jpg", unit(0, 1, 0.1), group=original)
    await shop.photo("other.jpg", unit(0, 1, 0.2))
    evaluation, _ = await shop.begin([("original.jpg", "1"), ("near.jpg", "1"), ("other.jpg", "1")])
    assert set(await shop.left_out(evaluation)) == {"original.jpg", "near.jpg"}


async def test_what_cannot_take_part_is_listed_with_its_reason(shop: Shop) -> None:
    await shop.product("08690000000012", unit(1, 0, 0))
    await shop.product("2", unit(0, 1, 0))
    await shop.product("3")
    for name in ("good", "contested", "bare"):
        await shop.photo(name, unit(1, 0, 0))
    await shop.photo("unread", None)
    for _ in range(2):
        await shop.photo("twice", unit(1, 0, 0))
    truth = [
        *[("good", "8690000000012"), ("good", "2"), ("good", "8690000000012")][:1],
        *[("good", "8690000000012"), ("contested", "2"), ("contested", "8690000000012")],
        *[("nowhere", "2"), ("twice", "2"), ("bare", "3"), ("unread", "2"), ("bare", "404")],
    ]
    evaluation, _ = await shop.begin(truth)
    assert evaluation.n_left_out == 8
    reasons = await shop.left_out(evaluation)
    assert reasons["good"] == "An earlier row says the same."
    assert "different products" in str(reasons["contested"])
    assert reasons["nowhere"] == "No photo was imported under this path."
    assert "Several photos" in str(reasons["twice"])
    assert "no vector" in str(reasons["unread"])
    assert reasons["bare"] == "No product has this barcode."
    with pytest.raises(InvalidInput, match=r"None of 1 rows can take part\. Row 2: No photo"):
        await shop.begin([("nowhere", "2")])


async def test_a_category_restricts_products_and_photos(shop: Shop, runner: JobRunner) -> None:
    await shop.product("1", unit(1, 0, 0), category="milk")
    await shop.product("2", unit(0, 1, 0), category="milk")
    await shop.product("3", unit(1, 0, 0.1), category="juice")
    await shop.photo("a", unit(1, 0, 0.1))
    await shop.photo("b", unit(1, 0, 0.1))
    truth = [("a", "1"), ("b", "3")]
    assert (await measure(shop, runner, truth))["photo_to_product"]["cmc@1"] == 0.5
    milk = await measure(shop, runner, truth, category="milk")
    assert (milk["queries"], milk["products"], milk["photo_to_product"]["cmc@1"]) == (1, 2, 1.0)
    with pytest.raises(InvalidInput, match="category tea"):
        await shop.begin(truth, category="tea")
    with pytest.raises(InvalidInput, match="No encoder is called"):
        await shop.begin(truth, encoder="resnet")


async def test_the_same_request_sent_again_is_measured_once(shop: Shop) -> None:
    await shop.product("1", unit(1, 0, 0))
    await shop.photo("a", unit(1, 0, 0))

    async def send() -> uuid.UUID:
        async with shop.jobs.db.transaction() as session:
            truth = [TruthRow(2, "a", "1")]
            return (await service.begin(session, shop.jobs.board, truth, Wish(), SOMEBODY, "a key")).id

    at_once = await asyncio.gather(send(), send())
    assert {*at_once, await send()} == {at_once[0]}
    assert await shop.sql("SELECT count(*) FROM match_evaluations") == [1]
    assert await shop.sql("SELECT count(*) FROM jobs") == [1]


def test_a_truth_is_read_by_its_columns_names() -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=";").writerows(
        [["shelf", "Barcode", "path"], ["3", "0012", "a b.jpg"], ["", "", "c.jpg"], ["1", "2"]]
    )
    rows = read_truth(io.BytesIO(text.getvalue().encode("utf-8-sig")))
    assert rows == [
        TruthRow(2, "a b.jpg", "0012"),
        TruthRow(3, "c.jpg", "", "The row has no barcode."),
        TruthRow(4, "", "2", "The row has no path."),
    ]
    with pytest.raises(InvalidInput, match="no column path"):
        read_truth(io.BytesIO(b"barcode,file\r\n1,2\r\n"))
