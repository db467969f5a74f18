"""A second encoder is filled in by real stage processes while the first serves, and serves from one moment on."""

import datetime as dt
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from buybuddy.domain.jobs.runner import JobRunner
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.products.tables import ProductImage
from buybuddy.domain.vectors import repository as vectors_repository
from buybuddy.domain.vectors import service as vectors
from buybuddy.domain.vectors.encoders import service
from buybuddy.domain.vectors.encoders.service import EncoderState, NotFilled
from buybuddy.errors import Conflict, NotFound
from buybuddy.flow import BATCH_STEPS, build_apply_result
from buybuddy.infra.db import Subject, new_id
from buybuddy.infra.executors import LocalExecutor
from buybuddy.infra.storage import ObjectStorage
from buybuddy.ml.retrieval.encoder import default_models_dir
from buybuddy.stages.messages import Setup
from tests.integration.conftest import SOMEBODY, Jobs
from tests.integration.matching_ground import EMPTIED
from tests.integration.test_matching_decisions import add_photo, add_product

FAST, FULL = "efficientnet-lite0-whole", "efficientnet-lite0"


class Shop:
    """Products with one picture each and photos, all in real storage."""

    def __init__(self, jobs: Jobs, folder: Path) -> None:
        self.jobs = jobs
        self.storage = ObjectStorage(f"file://{folder / 'storage'}")
        setup = Setup(
            storage_url=self.storage.url, models_dir=default_models_dir(), scratch_dir=folder / "scratch", n_threads=1
        )
        self.executor = LocalExecutor(setup)
        apply_result = build_apply_result(jobs.board, self.storage)
        self.runner = JobRunner(jobs.db, jobs.board, self.executor, apply_result, batch_steps=BATCH_STEPS)

    def draw(self, key: str, seed: int) -> None:
        """Store a picture of its own for each seed."""
        noise = np.random.default_rng(seed).integers(0, 255, (6, 6, 3), dtype=np.uint8)
        picture = cv2.resize(noise, (96, 96), interpolation=cv2.INTER_NEAREST)
        self.storage.put(key, cv2.imencode(".png", picture)[1].tobytes())

    async def add(self, n: int) -> tuple[list[uuid.UUID], list[uuid.UUID]]:
        """Add products and photos; photo i shows the picture of product i. Returns image and photo ids."""
        images, photos = [], []
        async with self.jobs.db.transaction() as session:
            for number in range(n):
                product_id = await add_product(session)
                key = f"frames/{new_id()}.png"
                self.draw(key, number)
                image = ProductImage(
                    id=new_id(), product_id=product_id, image_type="synthetic", source="upload", storage_key=key,
                    width_px=96, height_px=96, size_bytes=10, sha256="0" * 64,
                )  # fmt: skip
                session.add(image)
                images.append(image)
                photos.append(await add_photo(session, read_at=dt.datetime.now(dt.UTC)))
                self.draw(f"real-images/{photos[-1]}.jpg", number)
            await session.flush()
            await vectors.embed_new_images(session, self.jobs.board, images, Subject("test", None, "a test"))
        await self.work()
        return [image.id for image in images], photos

    async def work(self) -> int:
        """Run every job until none is left, and return how many there were."""
        n = 0
        while waiting := await self.jobs.sql("SELECT id FROM jobs WHERE status = 'queued' ORDER BY created_at"):
            for job_id in waiting:
                await self.runner.run(uuid.UUID(str(job_id)))
                n += 1
        assert await self.jobs.sql("SELECT error_message FROM jobs WHERE status <> 'completed'") == []
        return n

    async def fill(self, name: str) -> list[Job]:
        async with self.jobs.db.transaction() as session:
            return await service.fill(session, self.jobs.board, name, SOMEBODY)  # type: ignore[arg-type]

    async def activate(self, encoder_id: uuid.UUID, *, is_forced: bool = False) -> EncoderState:
        async with self.jobs.db.transaction() as session:
            return await service.activate(session, self.jobs.board, encoder_id, SOMEBODY, is_forced=is_forced)

    async def states(self) -> dict[str, EncoderState]:
        async with self.jobs.db.transaction() as session:
            return {state.encoder.name: state for state in await service.list_states(session)}


@pytest.fixture
async def shop(jobs: Jobs, tmp_path: Path) -> AsyncIterator[Shop]:
    await jobs.sql(f"TRUNCATE {EMPTIED} CASCADE")
    await jobs.sql("INSERT INTO matching_settings (id) VALUES (1) ON CONFLICT DO NOTHING")
    shop = Shop(jobs, tmp_path)
    yield shop
    await shop.executor.close()


async def test_a_second_encoder_is_filled_in_and_then_serves(shop: Shop) -> None:
    images, photos = await shop.add(4)
    async with shop.jobs.db.transaction() as session:
        unread = await add_photo(session)  # it gets its vector when it is read
    shop.draw(f"real-images/{unread}.jpg", 9)
    await shop.fill(FULL)  # the photos have no vector yet
    with pytest.raises(Conflict):
        await shop.fill(FULL)
    await shop.work()
    states = await shop.states()
    assert (states[FULL].n_images, states[FULL].n_photos, states[FULL].encoder.is_serving) == (4, 4, True)

    broken, *_ = photos
    shop.storage.put(f"real-images/{broken}.jpg", b"no picture any more")
    await shop.fill(FAST)
    await shop.work()
    states = await shop.states()
    fast = states[FAST]
    assert fast.encoder.dim == 1280
    assert fast.encoder.preprocessing == "whole/1"
    assert (fast.n_images, fast.n_photos, fast.images_missing, fast.photos_missing) == (4, 3, 0, 1)
    assert not fast.encoder.is_serving
    with pytest.raises(NotFilled):
        await shop.activate(fast.encoder.id)
    with pytest.raises(NotFound):
        await shop.activate(new_id())

    shop.draw(f"real-images/{broken}.jpg", 0)
    await shop.fill(FAST)
    await shop.work()
    await shop.activate(fast.encoder.id)
    await shop.work()
    assert [name for name, state in (await shop.states()).items() if state.encoder.is_serving] == [FAST]
    async with shop.jobs.db.transaction() as session:
        assert await vectors.serving_name(session) == FAST
        encoder = await vectors_repository.find_serving(session)
        assert encoder is not None
        stored, n_vectors = await vectors.rank_products(
            session, encoder, [await _vector(shop, photos[2], encoder.id)], 1
        )
    assert n_vectors == 4
    assert stored[0].image_id == images[2]
    assert stored[0].similarity == pytest.approx(1, abs=1e-5)


async def _vector(shop: Shop, photo_id: uuid.UUID, encoder_id: uuid.UUID) -> list[float]:
    found = await shop.jobs.sql(
        "SELECT CAST(embedding AS text) FROM photo_embeddings WHERE photo_id = :photo AND encoder_id = :encoder",
        photo=photo_id,
        encoder=encoder_id,
    )
    return [float(value) for value in str(found[0]).strip("[]").split(",")]


async def test_new_pictures_go_to_the_encoder_that_serves(shop: Shop) -> None:
    await shop.add(1)
    await shop.fill(FAST)
    await shop.work()
    fast = (await shop.states())[FAST].encoder.id
    await shop.activate(fast, is_forced=True)
    await shop.work()
    await shop.add(2)
    states = await shop.states()
    assert (states[FAST].n_images, states[FULL].n_images) == (3, 1)
