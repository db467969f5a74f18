"""What was seen in photos is kept once, and groups that readings merge at the same moment are all merged."""

import asyncio
import io
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from sqlalchemy import text

from buybuddy.domain.photos.readings.service import apply_reading
from buybuddy.infra.storage import ObjectStorage
from buybuddy.stages.specs import EncoderIdentity, ImageFailure, PhotoFacts, ReadPhotosResult
from tests.integration.conftest import Jobs

UInt8Array = npt.NDArray[np.uint8]

ENCODER = EncoderIdentity(name="test", weights_sha256="0" * 64, preprocessing="none/1", dim=1)
SCENE = np.random.default_rng(3).integers(0, 255, (16, 16, 3), dtype=np.uint8)


class Readings:
    """Photos and what is seen in them, in the words of a test."""

    def __init__(self, jobs: Jobs, folder: Path) -> None:
        self.jobs, self.sql = jobs, jobs.sql
        self.storage = ObjectStorage(f"file://{folder / 'storage'}")

    async def add(self, n: int) -> list[str]:
        """Add photos that came one after another."""
        ids = [str(uuid.uuid4()) for _ in range(n)]
        for minute, photo_id in enumerate(ids):
            await self.sql(
                "INSERT INTO real_images (id, name, source, storage_key, sha256, size_bytes, group_id, status,"
                " created_at) VALUES (CAST(:id AS uuid), 'x', 's', :id, :id, 1, CAST(:id AS uuid), 'unassigned',"
                " now() + make_interval(mins => :minute))",
                id=photo_id,
                minute=minute,
            )
        return ids

    async def read(
        self, hashes: dict[str, int], scenes: Sequence[UInt8Array] | None = None, failed: Sequence[str] = ()
    ) -> None:
        key = f"real-images/readings/{uuid.uuid4()}"
        buffer = io.BytesIO()
        np.save(buffer, np.stack(scenes or [SCENE] * len(hashes)) if hashes else np.empty((0, 16, 16, 3), np.uint8))
        self.storage.put(f"{key}/scenes.npy", buffer.getvalue())
        result = ReadPhotosResult(
            encoder=ENCODER,
            vectors_key=f"{key}/vectors.npy",
            scenes_key=f"{key}/scenes.npy",
            photos=tuple(
                PhotoFacts(photo_id=one, width_px=3, height_px=2, thumbnail_key=f"{key}/{one}.webp", phash=phash)
                for one, phash in hashes.items()
            ),
            failures=tuple(ImageFailure(image_id=one, reason="It is damaged.") for one in failed),
        )
        async with self.jobs.db.transaction() as session:
            await apply_reading(session, self.storage, result)

    async def groups(self, ids: Sequence[str]) -> list[str]:
        found = {
            str(row): str((await self.sql("SELECT group_id FROM real_images WHERE id = :id", id=row))[0]) for row in ids
        }
        return [found[one] for one in ids]


@pytest.fixture
async def readings(jobs: Jobs, tmp_path: Path) -> Readings:
    await jobs.sql("TRUNCATE tallies, products, real_images CASCADE")
    return Readings(jobs, tmp_path)


async def test_chains_that_are_read_at_the_same_moment_are_one_group_the_oldest(readings: Readings) -> None:
    for _ in range(5):
        ids = await readings.add(8)
        # Each differs from the next in three bits, so from the one after in six: only the chain holds them together.
        chain = {photo_id: (1 << 3 * number) - 1 for number, photo_id in enumerate(ids)}
        batches = [{one: chain[one] for one in ids[first::4]} for first in range(4)]
        await asyncio.gather(*map(readings.read, batches))
        assert await readings.groups(ids) == [ids[0]] * 8
        await readings.sql("TRUNCATE tallies, products, real_images CASCADE")


@pytest.mark.parametrize("band", range(4))
async def test_hashes_with_three_other_bits_are_found_whichever_band_is_left(readings: Readings, band: int) -> None:
    first, near, far = await readings.add(3)
    flips = [1 << (16 * other + 15) for other in range(4) if other != band]
    signed = np.array(sum(flips), np.uint64).astype(np.int64)
    await readings.read({first: 0})
    await readings.read({near: int(signed), far: 0b1111})
    assert await readings.groups([first, near, far]) == [first, first, far]


async def test_a_similar_hash_of_another_scene_is_no_duplicate(readings: Readings) -> None:
    first, second, third = await readings.add(3)
    other = SCENE.copy()
    other[4:7, 4:7] = 255 - other[4:7, 4:7]
    await readings.read({first: 5, second: 5}, [SCENE, other])
    await readings.read({third: 5}, [other])
    assert await readings.groups([first, second, third]) == [first, second, second]


async def test_a_reading_that_comes_again_or_for_a_photo_that_is_gone_does_no_harm(readings: Readings) -> None:
    first, second, gone = await readings.add(3)
    await readings.sql("DELETE FROM real_images WHERE id = :id", id=gone)
    for _ in range(2):
        await readings.read({first: -1, gone: -1}, failed=[second])
    row = await readings.sql(
        "SELECT (width_px, phash, status, group_id = id)::text FROM real_images WHERE id = :id", id=first
    )
    assert row == ["(3,-1,unassigned,t)"]
    assert await readings.sql("SELECT (status, problem)::text FROM real_images WHERE id = :id", id=second) == [
        '(discarded,"It is damaged.")'
    ]
    thrown = await readings.sql("SELECT count(*) FROM object_trash WHERE key_or_prefix LIKE '%.webp'")
    assert thrown == [3]  # twice that of the photo that is gone, once the earlier one of the photo that was read again


async def test_an_assigned_photo_lends_what_was_seen_to_the_image_of_its_product(readings: Readings) -> None:
    [photo_id] = await readings.add(1)
    product_id = str(uuid.uuid4())
    async with readings.jobs.db.transaction() as session:
        for statement in (
            "INSERT INTO products (id, status) VALUES (CAST(:product AS uuid), 'pending')",
            "UPDATE real_images SET status = 'assigned', product_id = CAST(:product AS uuid)"
            " WHERE id = CAST(:photo AS uuid)",
            "INSERT INTO product_images (id, product_id, photo_id, image_type, source, storage_key, width_px,"
            " height_px, size_bytes, sha256) VALUES (CAST(:photo AS uuid), CAST(:product AS uuid),"
            " CAST(:photo AS uuid), 'real',"
            " 'matching', :photo, 0, 0, 1, :photo)",
        ):
            await session.execute(text(statement), {"product": product_id, "photo": photo_id})
    await readings.read({photo_id: 9})
    image = await readings.sql("SELECT (width_px, height_px, thumbnail_key IS NOT NULL)::text FROM product_images")
    assert image == ["(3,2,t)"]
    await readings.read({}, failed=[photo_id])
    assert await readings.sql("SELECT status FROM real_images") == ["assigned"]
    await readings.sql("DELETE FROM products WHERE id = CAST(:id AS uuid)", id=product_id)
    assert await readings.sql("SELECT status FROM real_images") == ["unassigned"]
