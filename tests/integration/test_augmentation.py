"""Augmentation on a real PostgreSQL with the real stage: quotas, top-up, kills, retries, leaks, reports."""

import asyncio
import io
import json
import os
import random
import signal
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from buybuddy.domain.augmentation import planning, service
from buybuddy.domain.augmentation.rules import LEAKS, NO_SOURCE
from buybuddy.domain.augmentation.schemas import RunOut
from buybuddy.domain.augmentation.service import NothingFrozen, RunIsOpen, Wish
from buybuddy.domain.augmentation.states import show_runs
from buybuddy.domain.datasets import service as datasets
from buybuddy.domain.datasets.rules import SplitPlan
from buybuddy.domain.datasets.schemas import ProductChoice
from buybuddy.domain.datasets.versions import service as versions
from buybuddy.domain.jobs import service as jobs_service
from buybuddy.domain.jobs.batches import BatchStep
from buybuddy.domain.jobs.rules import HEARTBEAT_S
from buybuddy.domain.jobs.runner import JobRunner
from buybuddy.errors import Conflict
from buybuddy.flow import BATCH_STEPS, build_apply_result
from buybuddy.infra.db import new_id
from buybuddy.infra.executors import LocalExecutor
from buybuddy.infra.storage import ObjectStorage
from buybuddy.recipes import PUBLISHED, Recipe
from buybuddy.stages.messages import Setup
from tests.integration.conftest import SOMEBODY, Jobs, happens

CLEAR = "TRUNCATE tallies, products, real_images, datasets, augmentation_runs CASCADE"
SMALL = PUBLISHED.model_copy(update={"side_px": 96})
MADE = "SELECT count(*) FROM product_images WHERE image_type = 'augmented'"


def png(picture: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".png", picture)[1])


def a_frame(seed: int) -> tuple[bytes, bytes]:
    """A box with a pattern on black, and its matte."""
    chooser = np.random.default_rng(seed)
    picture, matte = np.zeros((120, 120, 3), np.uint8), np.zeros((120, 120), np.uint8)
    matte[20:100, 35:85] = 255
    picture[20:100, 35:85] = cv2.resize(chooser.integers(0, 255, (8, 5, 3), np.uint8), (50, 80))
    return png(picture), png(matte)


@dataclass
class Studio:
    """A dataset with real pictures, and a worker with real stage processes."""

    jobs: Jobs
    storage: ObjectStorage
    executor: LocalExecutor
    steps: dict[str, BatchStep]
    runner: JobRunner
    dataset: uuid.UUID = field(default_factory=new_id)

    async def open(self) -> None:
        async with self.jobs.db.transaction() as session:
            self.dataset = (await datasets.create_dataset(session, "Snacks", "", SOMEBODY)).id

    async def product(
        self, n_frames: int, n_photos: int = 0, *, seed: int, group: uuid.UUID | None = None
    ) -> uuid.UUID:
        """Add a product of the dataset with frames and matched photos; `group` is that of its first photo."""
        product = new_id()
        await self.jobs.sql(
            "INSERT INTO products (id, product_name, status) VALUES (:id, :name, 'ready')", id=product, name=f"p{seed}"
        )
        for number in range(n_frames):
            data, matte = a_frame(100 * seed + number)
            image = new_id()
            key, matte_key = f"frames/{image}/frame.png", f"frames/{image}/matte.png"
            self.storage.put(key, data)
            self.storage.put(matte_key, matte)
            await self.jobs.sql(
                "INSERT INTO product_images (id, product_id, image_type, source, storage_key, matte_key, frame_index,"
                " width_px, height_px, size_bytes, sha256)"
                " VALUES (:id, :product, 'synthetic', 'upload', :key, :matte, :n, 120, 120, 1, :sha)",
                id=image, product=product, key=key, matte=matte_key, n=number, sha=f"{seed}-{number}",
            )  # fmt: skip
        for number in range(n_photos):
            await self._photo(product, f"{seed}-{number}", group if number == 0 else None)
        async with self.jobs.db.transaction() as session:
            await datasets.add_products(session, self.dataset, ProductChoice(product_ids=[product]), SOMEBODY)
        return product

    async def _photo(self, product: uuid.UUID, name: str, group: uuid.UUID | None) -> None:
        photo, key = new_id(), f"real-images/{new_id()}/photo.png"
        self.storage.put(key, png(np.random.default_rng(list(name.encode())).integers(60, 200, (90, 70, 3), np.uint8)))
        await self.jobs.sql(
            "INSERT INTO real_images (id, name, source, storage_key, sha256, size_bytes, group_id, status, product_id)"
            " VALUES (:id, :name, 'test', :key, :name, 1, :group, 'assigned', :product)",
            id=photo, name=name, key=key, group=group or photo, product=product,
        )  # fmt: skip
        await self.jobs.sql(
            "INSERT INTO product_images (id, product_id, photo_id, image_type, source, storage_key, width_px,"
            " height_px, size_bytes, sha256)"
            " VALUES (:id, :product, :photo, 'real', 'matching', :key, 70, 90, 1, :name)",
            id=new_id(), product=product, photo=photo, key=key, name=f"photo {name}",
        )  # fmt: skip

    async def freeze(self) -> None:
        await versions.freeze(self.jobs.db, self.storage, self.dataset, SplitPlan(0.5, 0.25, 0.25), "", SOMEBODY)

    async def begin(self, synthetic: int, real: int = 0, *, recipe: Recipe = SMALL, seed: int = 1) -> uuid.UUID:
        wish = Wish("published", recipe, synthetic_target=synthetic, real_target=real, seed=seed)
        async with self.jobs.db.transaction() as session:
            return (await service.begin(session, self.jobs.board, self.dataset, wish, SOMEBODY, None)).id

    async def work(self) -> None:
        while waiting := await self.jobs.sql("SELECT id FROM jobs WHERE status = 'queued' ORDER BY created_at"):
            for job_id in waiting:
                await self.jobs.sql("UPDATE jobs SET run_after = NULL WHERE id = :id", id=job_id)
                await self.runner.run(uuid.UUID(str(job_id)))

    async def run(self, synthetic: int, real: int = 0, *, seed: int = 1) -> RunOut:
        run_id = await self.begin(synthetic, real, seed=seed)
        await self.work()
        return await self.look(run_id)

    def plan_by(self, images_at_once: int) -> None:
        """Have products planned a few images at a time; a part is never of more than one planning."""
        self.steps["plan_augmentation"] = planning.build_planning(self.storage, images_at_once=images_at_once)

    async def plan(self) -> None:
        """Run only the job that plans."""
        [job] = await self.jobs.sql("SELECT id FROM jobs WHERE status = 'queued'")
        await self.runner.run(uuid.UUID(str(job)))

    async def parts(self) -> list[uuid.UUID]:
        """Return the jobs of the parts, in their order."""
        jobs = await self.jobs.sql("SELECT job_id FROM augmentation_shards WHERE NOT is_done ORDER BY number")
        return [uuid.UUID(str(job)) for job in jobs]

    async def look(self, run_id: uuid.UUID) -> RunOut:
        async with self.jobs.db.transaction() as session:
            return (await show_runs(session, [await service.get_run(session, run_id)]))[0]

    async def made(self) -> dict[tuple[str, str, int], str]:
        """Every made picture's hash by what it was made of; each is checked to be whole."""
        rows = await self.jobs.sql(
            "SELECT to_json(row(p.sha256, i.augmentation_step, i.augmentation_number, i.storage_key, i.sha256))"
            " FROM product_images i JOIN product_images p ON p.id = i.parent_image_id WHERE i.image_type = 'augmented'"
        )
        found = {}
        for row in rows:
            assert isinstance(row, dict)
            data = self.storage.get(row["f4"])
            with Image.open(io.BytesIO(data)) as picture:
                picture.load()
            found[row["f1"], row["f2"], row["f3"]] = row["f5"]
        return found


@pytest.fixture
async def studio(jobs: Jobs, tmp_path: Path) -> AsyncIterator[Studio]:
    await jobs.sql(CLEAR)
    await jobs.sql("UPDATE job_limits SET max_concurrent = 3 WHERE type = 'augmentation'")
    storage = ObjectStorage(f"file://{tmp_path / 'storage'}")
    executor = LocalExecutor(
        Setup(storage_url=storage.url, models_dir=tmp_path, scratch_dir=tmp_path / "scratch", n_threads=1)
    )
    steps: dict[str, BatchStep] = {
        **BATCH_STEPS, "plan_augmentation": planning.build_planning(storage, images_at_once=5)
    }  # fmt: skip
    runner = JobRunner(jobs.db, jobs.board, executor, build_apply_result(jobs.board, storage), batch_steps=steps)
    studio = Studio(jobs, storage, executor, steps, runner)
    await studio.open()
    yield studio
    await executor.close()
    await jobs.sql(CLEAR)


async def test_each_product_is_filled_up_exactly_and_a_second_run_makes_nothing(studio: Studio) -> None:
    with pytest.raises(NothingFrozen):
        await studio.begin(10)
    await studio.product(3, 2, seed=1)
    await studio.product(2, seed=2)
    await studio.product(0, 1, seed=3)
    await studio.freeze()
    run = await studio.run(12, 7)
    assert (run.status, run.product_count) == ("completed", 3)
    assert run.made == run.wanted and run.made.model_dump() == {"synthetic": 9 + 10, "real": 5 + 6}
    steps = await studio.jobs.sql("SELECT augmentation_step FROM product_images WHERE image_type = 'augmented'")
    assert Counter(steps)["photo"] == 11 and abs(Counter(steps)["light"] - Counter(steps)["heavy"]) <= 5
    per_source = await studio.jobs.sql(
        "SELECT count(*) FROM product_images i JOIN product_images p ON p.id = i.parent_image_id"
        " WHERE i.image_type = 'augmented' AND p.image_type = 'synthetic' GROUP BY p.id ORDER BY 1"
    )
    assert per_source == [3, 3, 3, 5, 5]
    assert await studio.jobs.sql("SELECT sum(augmented_count) FROM products") == [30]
    reasons = await studio.jobs.sql("SELECT reasons FROM augmentation_products WHERE reasons <> '[]'")
    assert sorted(map(str, reasons)) == sorted([f"[{NO_SOURCE['synthetic']!r}]", f"[{NO_SOURCE['real']!r}]"])
    again = await studio.run(12, 7)
    assert (again.status, again.wanted.synthetic, again.wanted.real, again.part_count) == ("completed", 0, 0, 0)
    more = await studio.run(15, 7, seed=9)
    assert (more.made.synthetic, more.made.real) == (6, 0)
    assert len(await studio.made()) == 36


async def test_the_same_seed_makes_the_same_bytes_however_the_work_is_shared_out(studio: Studio) -> None:
    for seed in range(4):
        await studio.product(2, 1, seed=seed)
    await studio.freeze()
    assert (await studio.run(8, 3)).part_count == 2  # images_at_once is 5, and two products have 6
    first = await studio.made()
    assert len(set(first.values())) == len(first) == 4 * (6 + 2)
    await studio.jobs.sql("DELETE FROM product_images WHERE image_type = 'augmented'")
    studio.plan_by(1000)
    assert (await studio.run(8, 3)).part_count == 1
    assert await studio.made() == first


async def test_what_is_killed_at_any_moment_is_made_exactly_once(studio: Studio) -> None:
    n_kills = int(os.environ.get("BUYBUDDY_AUGMENT_KILLS", "4"))
    await studio.product(2, seed=1)
    await studio.freeze()
    chooser, n_pictures = random.Random(7), 200 * n_kills
    await studio.jobs.sql("UPDATE jobs SET max_attempts = 1000")
    run_id = await studio.begin(n_pictures + 2)
    await studio.plan()
    [job] = await studio.parts()
    await studio.jobs.sql("UPDATE jobs SET max_attempts = 1000 WHERE id = :id", id=job)
    there: list[int] = []

    def n_made() -> int:
        return len(studio.storage.list_keys(f"augmented-images/{job}/"))

    for _ in range(n_kills):
        await studio.jobs.sql("UPDATE jobs SET run_after = NULL WHERE id = :id", id=job)
        running = asyncio.create_task(studio.runner.run(job))
        await _until(lambda now=running: now.done() or studio.executor.pids)  # type: ignore[misc]
        n_more = chooser.choice((0, chooser.randint(1, 90)))  # none: while the process begins, perhaps before it does
        n_wanted = n_made() + n_more
        await _until(lambda now=running, n=n_wanted: now.done() or n_made() >= n)  # type: ignore[misc]
        await asyncio.sleep(chooser.uniform(0.0, 0.05))
        assert not running.done(), "there is work left for every kill"
        os.kill(studio.executor.pids[0], signal.SIGKILL)
        await running
        there.append(n_made())
    assert there == sorted(there), "what one attempt has made, the next one keeps"
    assert len(set(there)) > n_kills // 4, "killed while it worked, too"
    await studio.work()
    run = await studio.look(run_id)
    assert (run.status, run.made.synthetic) == ("completed", n_pictures)
    numbers = await studio.jobs.sql("SELECT augmentation_number FROM product_images WHERE image_type = 'augmented'")
    assert sorted(map(int, map(str, numbers))) == sorted([*range(n_pictures // 2), *range(n_pictures // 2)])
    assert len(await studio.made()) == n_pictures


async def _until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not is_so():  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.01)


async def test_a_cancelled_run_keeps_finished_parts_and_leaves_nothing_else(studio: Studio) -> None:
    for seed in range(3):
        await studio.product(1, seed=seed)
    await studio.freeze()
    studio.plan_by(1)
    run_id = await studio.begin(401)
    with pytest.raises(RunIsOpen):
        await studio.begin(500)
    await studio.plan()
    first, second, _ = await studio.parts()
    await studio.runner.run(first)
    running = asyncio.create_task(studio.runner.run(second))
    await happens(studio.jobs, "SELECT status = 'processing' FROM jobs WHERE id = :id", id=second)
    os.kill(studio.executor.pids[0], signal.SIGSTOP)  # or it may be done before the runner's next look at the row
    async with studio.jobs.db.transaction() as session:
        await service.cancel_run(session, studio.jobs.board, run_id, SOMEBODY)
    await asyncio.sleep(2 * HEARTBEAT_S)
    os.kill(studio.executor.pids[0], signal.SIGCONT)
    async with asyncio.timeout(10):
        await running
    await studio.work()
    run = await studio.look(run_id)
    assert (run.status, run.made.synthetic) == ("cancelled", 400)
    assert await studio.jobs.sql(MADE) == [400]
    assert f"augmented-images/{second}/" in await studio.jobs.sql("SELECT key_or_prefix FROM object_trash")
    with pytest.raises(Conflict):
        async with studio.jobs.db.transaction() as session:
            await service.cancel_run(session, studio.jobs.board, run_id, SOMEBODY)
    assert (await studio.run(41)).wanted.synthetic == 80


async def test_broken_sources_are_listed_and_a_failed_part_can_be_retried(studio: Studio) -> None:
    await studio.product(2, seed=1)
    await studio.product(1, seed=2)
    await studio.freeze()
    studio.plan_by(1)
    keys = await studio.jobs.sql("SELECT storage_key FROM product_images ORDER BY sha256")
    good = {str(key): studio.storage.get(str(key)) for key in keys}
    for key in (keys[0], keys[2]):
        studio.storage.put(str(key), b"no picture")
    run = await studio.run(5)
    assert (run.status, run.failed_part_count, run.made.synthetic) == ("completed_with_failures", 1, 1)
    reasons = str(await studio.jobs.sql("SELECT reasons FROM augmentation_products ORDER BY label"))
    assert reasons.count("is not a JPEG, PNG or WebP") == 1
    for key, data in good.items():
        studio.storage.put(key, data)
    [failed] = await studio.jobs.sql("SELECT id FROM jobs WHERE status = 'failed'")
    async with studio.jobs.db.transaction() as session:
        await jobs_service.retry_job(session, studio.jobs.board, uuid.UUID(str(failed)), SOMEBODY)
    await studio.work()
    assert (await studio.look(run.id)).status == "completed"
    assert (await studio.run(5)).made.synthetic == 2, "what the broken source lacked is shared out anew"
    assert await studio.jobs.sql("SELECT count(*) FROM product_images WHERE image_type <> 'real'") == [10]


async def test_parts_go_on_behind_one_that_failed(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "ACTIVE_AT_ONCE", 1)
    for seed in range(3):
        await studio.product(1, seed=seed)
    await studio.freeze()
    studio.plan_by(1)
    [first] = await studio.jobs.sql("SELECT storage_key FROM product_images ORDER BY product_id LIMIT 1")
    studio.storage.put(str(first), b"no picture")
    run = await studio.run(3)
    assert (run.status, run.part_count, run.failed_part_count) == ("running", 3, 1)
    async with studio.jobs.db.transaction() as session:
        await service.go_on(session, studio.jobs.board)
    await studio.work()
    run = await studio.look(run.id)
    assert (run.status, run.made.synthetic) == ("completed_with_failures", 4)


async def test_photos_whose_near_duplicates_are_evaluated_are_not_used(studio: Studio) -> None:
    group = new_id()
    products = [await studio.product(1, 2, seed=seed, group=group) for seed in range(6)]
    await studio.freeze()
    run = await studio.run(1, 4)
    rows = await studio.jobs.sql(
        "SELECT to_json(row(split, reasons, n_real_made)) FROM augmentation_products WHERE run_id = :run", run=run.id
    )
    assert len(rows) == len(products)
    for row in rows:
        assert isinstance(row, dict)
        assert row["f2"] == [f"1 {LEAKS}"] and row["f3"] == 2


async def test_pictures_without_a_matte_are_cut_out_once_and_their_mattes_go_with_them(studio: Studio) -> None:
    product = await studio.product(1, seed=1)
    white = np.full((160, 160, 3), 255, np.uint8)
    white[40:120, 50:110] = (40, 60, 160)
    [key] = await studio.jobs.sql("UPDATE product_images SET matte_key = NULL RETURNING storage_key")
    studio.storage.put(str(key), png(white))
    await studio.freeze()
    assert (await studio.run(4)).made.synthetic == 3
    [matte] = await studio.jobs.sql("SELECT storage_key FROM image_mattes")
    assert (await studio.run(6)).made.synthetic == 2
    assert await studio.jobs.sql("SELECT storage_key FROM image_mattes") == [matte]
    [sheet, _] = await studio.jobs.sql("SELECT sheet_key FROM augmentation_products")
    await studio.jobs.sql("DELETE FROM products WHERE id = :id", id=product)
    assert await studio.jobs.sql("SELECT sheet_key FROM augmentation_products") == [None, None]
    assert sheet in await studio.jobs.sql("SELECT key_or_prefix FROM object_trash")
    assert matte in await studio.jobs.sql("SELECT key_or_prefix FROM object_trash")


async def test_a_source_that_was_deleted_while_it_was_used_leaves_nothing(studio: Studio) -> None:
    product = await studio.product(1, seed=1)
    await studio.freeze()
    run_id = await studio.begin(5)
    await studio.plan()
    await studio.jobs.sql("DELETE FROM products WHERE id = :id", id=product)
    data: Sequence[str] = studio.storage.list_keys("frames/")
    assert data, "its objects are still there: the stage reads them"
    await studio.work()
    assert (await studio.look(run_id)).made.synthetic == 0
    trash = {str(key) for key in await studio.jobs.sql("SELECT key_or_prefix FROM object_trash")}
    left = {key for key in studio.storage.list_keys("augmented-images/") if key.endswith(".jpg") and "sheet" not in key}
    assert left and left <= trash


async def test_what_a_job_shows_of_its_result_is_small(studio: Studio) -> None:
    await studio.product(1, seed=1)
    await studio.freeze()
    await studio.run(30)
    metrics = await studio.jobs.sql("SELECT metrics FROM jobs WHERE config->>'stage' = 'augment_dataset'")
    assert all(len(json.dumps(one)) < 1000 for one in metrics)
