"""A product's status follows its real images, on a real PostgreSQL: whatever adds or removes one, or asks for more."""

import itertools
import uuid

import pytest
from sqlalchemy import text

from buybuddy.domain.jobs import service as jobs_service
from buybuddy.domain.matching.automation.service import edit_settings
from buybuddy.domain.matching.readiness import service
from buybuddy.domain.products import service as products
from buybuddy.domain.products.images.service import remove_image
from buybuddy.domain.videos import service as videos
from buybuddy.infra.db import Actor
from buybuddy.stages import specs
from tests.integration.conftest import SOMEBODY, Jobs
from tests.integration.matching_ground import Ground
from tests.integration.matching_model import status_after
from tests.integration.test_matching_queue import ground
from tests.integration.test_video_jobs import video_ids

__all__ = ["ground", "video_ids"]  # the fixtures

MATCH = (
    "WITH r AS (INSERT INTO real_images"
    "  (id, name, source, storage_key, sha256, size_bytes, group_id, status, product_id)"
    "  SELECT g.id, 'n', 'test', 'real-images/' || g.id, md5(g.id::text), 1, g.id, 'assigned', :product"
    "  FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, :n)) g RETURNING id, storage_key, sha256)"
    " INSERT INTO product_images (id, product_id, photo_id, image_type, source, storage_key, width_px, height_px,"
    "  size_bytes, sha256)"
    " SELECT gen_random_uuid(), :product, id, 'real', 'matching', storage_key, 1, 1, 1, sha256 FROM r"
)


async def match(jobs: Jobs, product: uuid.UUID, n: int) -> None:
    await jobs.sql(MATCH, product=product, n=n)


async def status_of(jobs: Jobs, product: uuid.UUID) -> object:
    return (await jobs.sql("SELECT status FROM products WHERE id = :id", id=product))[0]


async def change(ground: Ground, ready_after: int) -> None:
    async with ground.jobs.db.transaction() as session:
        await edit_settings(session, ground.jobs.board, {"ready_after": ready_after}, Actor(None, "an admin"))


async def test_the_database_says_what_the_model_says(ground: Ground) -> None:
    async with ground.jobs.db.transaction() as session:
        ask = text("SELECT status_by_real_images(:status, :n0, :n1, :e0, :e1)")
        for status, n0, n1, e0, e1 in itertools.product(
            ("pending", "needs_matching", "ready", "rejected"), range(4), range(4), range(1, 4), range(1, 4)
        ):
            said = await session.scalar(ask, {"status": status, "n0": n0, "n1": n1, "e0": e0, "e1": e1})
            assert said == status_after(status, (n0, n1), (e0, e1)), (status, n0, n1, e0, e1)


async def test_an_image_removed_on_the_products_page_makes_it_need_matching_again(ground: Ground) -> None:
    product = await ground.product()
    await match(ground.jobs, product, 3)
    assert await status_of(ground.jobs, product) == "ready"
    await ground.count()
    image_id = (await ground.jobs.sql("SELECT id FROM product_images WHERE image_type = 'real' LIMIT 1"))[0]
    assert isinstance(image_id, uuid.UUID)
    async with ground.jobs.db.transaction() as session:
        shown = await remove_image(session, product, image_id, None, SOMEBODY)
        assert (shown.status, shown.real_count) == ("needs_matching", 2)
    await ground.count()
    queued = await ground.jobs.sql("SELECT status FROM matching_queue WHERE product_id = :id", id=product)
    assert queued == ["needs_matching"]  # the queue was told


@pytest.mark.parametrize(("n_matched", "status"), [(2, "needs_matching"), (3, "ready")])
async def test_a_product_with_enough_photos_is_ready_when_its_video_is_done(
    jobs: Jobs, video_ids: list[uuid.UUID], n_matched: int, status: str
) -> None:
    await jobs.sql("INSERT INTO matching_settings (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET ready_after = 3")
    made = await jobs.sql("INSERT INTO products (id, status) VALUES (gen_random_uuid(), 'pending') RETURNING id")
    product = uuid.UUID(str(made[0]))
    await match(jobs, product, n_matched)
    assert await status_of(jobs, product) == "pending"
    await jobs.sql("UPDATE videos SET product_id = :product WHERE id = :id", product=product, id=video_ids[0])
    quality = specs.FrameQuality(sharpness=1, mask_fraction=0.5, completeness=1, occlusion=0, confidence=1, score=1)
    key = f"frames/{uuid.uuid4()}/0"
    frame = specs.FrameRecord(
        key=f"{key}.png", matte_key=f"{key}-matte.png", thumbnail_key=f"{key}-small.jpg", frame_index=0,
        video_time_s=0, source_frame=0, source_box_xyxy=(0, 0, 1, 1), width_px=1, height_px=1, size_bytes=1,
        sha256="0" * 64, quality=quality,
    )  # fmt: skip
    result = specs.SegmentVideoResult(
        video=specs.VideoFacts(duration_s=1, width_px=1, height_px=1, codec="h264", n_frames=1), frames=(frame,),
        primary_frame_index=0, metadata=specs.ProductMetadata(), rejected={}, segmenter="test",
    )  # fmt: skip
    async with jobs.db.transaction() as session:
        [job], _ = await videos.process_videos(session, jobs.board, video_ids[:1], SOMEBODY)
    running = await jobs.start(job)
    async with jobs.db.transaction() as session:
        completed = await jobs_service.complete(session, jobs.board, job.id, running.attempt, result, 1.0)
        await products.apply_segmentation(session, completed, result)
    assert await status_of(jobs, product) == status


async def test_every_product_follows_another_number_of_photos_but_those_that_people_set(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "LOOKED_AT_ONCE", 2)
    with_n = {n: await ground.product() for n in range(6)}
    for n, product in with_n.items():
        await match(ground.jobs, product, n)
    by_people = [await ground.product() for _ in range(2)]
    await ground.jobs.sql("UPDATE products SET status = 'ready' WHERE id = :id", id=by_people[0])
    await match(ground.jobs, by_people[1], 8)
    await ground.jobs.sql("UPDATE products SET status = 'needs_matching' WHERE id = :id", id=by_people[1])

    async def ready() -> set[int]:
        return {n for n, product in with_n.items() if await status_of(ground.jobs, product) == "ready"}

    assert await ready() == {3, 4, 5}
    await change(ground, 2)
    await ground.count()
    assert await ready() == {2, 3, 4, 5}
    await change(ground, 5)
    await change(ground, 4)  # before anybody has followed the first
    await ground.count()
    assert await ready() == {4, 5}
    assert [await status_of(ground.jobs, product) for product in by_people] == ["ready", "needs_matching"]
    assert await ground.jobs.sql("SELECT id FROM ready_changes") == []


async def test_what_loses_a_photo_while_others_still_follow_is_not_left_ready(ground: Ground) -> None:
    product = await ground.product()
    await match(ground.jobs, product, 3)
    await change(ground, 5)
    await ground.jobs.sql(
        "DELETE FROM product_images WHERE id = (SELECT id FROM product_images WHERE image_type = 'real' LIMIT 1)"
    )
    await ground.count()
    assert await status_of(ground.jobs, product) == "needs_matching"
