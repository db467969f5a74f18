"""Videos and their jobs side by side: whatever many people and workers do at once, nobody waits in a circle."""

import asyncio
import random
import uuid

import pytest
from sqlalchemy import text

from buybuddy.domain.jobs import service
from buybuddy.domain.jobs.sweeping import sweep
from buybuddy.domain.products import service as products
from buybuddy.domain.products.bulk.rules import TEXT_FIELDS
from buybuddy.domain.videos import repository as videos_repository
from buybuddy.domain.videos import service as videos
from buybuddy.errors import Conflict, QueueFull, StageCrashed, StaleAttempt
from buybuddy.infra.db import Session, new_id
from buybuddy.stages import specs
from tests.integration.conftest import SOMEBODY, Jobs

N_VIDEOS, N_HANDS, N_STEPS = 6, 8, 20
UNFINISHED = "('pending', 'queued', 'processing')"


@pytest.fixture
async def video_ids(jobs: Jobs) -> list[uuid.UUID]:
    await jobs.sql("TRUNCATE videos CASCADE")
    ids = [new_id() for _ in range(N_VIDEOS)]
    async with jobs.db.transaction() as session:
        for number, video_id in enumerate(ids):
            await videos_repository.add_video(
                session,
                id=video_id,
                source="upload",
                filename=f"{number}.mp4",
                storage_key=f"videos/{video_id}/source.mp4",
                barcode=None,
                status="pending",
                size_bytes=1,
                sha256=f"{number:064d}",
            )
    return ids


async def do_something(jobs: Jobs, session: Session, dice: random.Random, video_ids: list[uuid.UUID]) -> None:
    what = dice.choice(["process", "process", "claim", "claim", "fail", "hand back", "cancel", "sweep", "progress"])
    if what == "process":
        await videos.process_videos(session, jobs.board, dice.sample(video_ids, dice.randint(1, N_VIDEOS)), SOMEBODY)
        return
    if what == "sweep":
        await sweep(session, jobs.board)
        return
    wanted = "processing" if what in ("fail", "hand back", "progress") else "queued" if what == "claim" else None
    chosen = f"SELECT id, attempt FROM jobs WHERE status IN {UNFINISHED} AND status = coalesce(:s, status)"
    found = (await session.execute(text(f"{chosen} ORDER BY random() LIMIT 1"), {"s": wanted})).first()
    if found is None:
        return
    if what == "claim":
        await service.claim(session, jobs.board, found.id)
    elif what == "fail":
        await service.fail_attempt(session, jobs.board, found.id, found.attempt, StageCrashed("crashed"))
    elif what == "hand back":
        await service.hand_back(session, jobs.board, found.id, found.attempt)
    elif what == "progress":
        await service.report_progress(session, jobs.board, found.id, found.attempt, dice.random(), "working")
    else:
        await service.request_cancel(session, jobs.board, found.id, SOMEBODY)


async def test_nobody_waits_in_a_circle_and_no_video_is_worked_on_twice(jobs: Jobs, video_ids: list[uuid.UUID]) -> None:
    """A circle of waits is broken by the server with an error, which would surface here as Unavailable."""

    async def act(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(N_STEPS):
            try:
                async with jobs.db.transaction() as session:
                    await do_something(jobs, session, dice, video_ids)
            except (QueueFull, Conflict, StaleAttempt):
                pass
            twice = f"SELECT subject_id FROM jobs WHERE status IN {UNFINISHED} GROUP BY 1 HAVING count(*) > 1"
            assert await jobs.sql(twice) == []

    await asyncio.gather(*(act(seed) for seed in range(N_HANDS)))
    assert (await jobs.sql("SELECT count(*) > 5 FROM jobs")) == [True]
    working = "SELECT v.id FROM videos v WHERE (v.status = 'processing') <> EXISTS ("
    working += "SELECT 1 FROM jobs j WHERE j.subject_id = v.id AND j.status IN ('queued', 'processing'))"
    assert await jobs.sql(working) == [], "a video's status says what its job does"


async def test_a_pack_that_reads_without_end_becomes_a_product_all_the_same(
    jobs: Jobs, video_ids: list[uuid.UUID]
) -> None:
    """One word of 2,047 bytes is more than the index of words takes; a key of an index has its own limit."""
    endless = " " + "Ü" * 4_000
    quality = specs.FrameQuality(sharpness=1, mask_fraction=0.5, completeness=1, occlusion=0, confidence=1, score=1)
    frame = specs.FrameRecord(
        key="frames/a/0.png", matte_key="frames/a/0-matte.png", thumbnail_key="frames/a/0-small.jpg", frame_index=0,
        video_time_s=0, source_frame=0, source_box_xyxy=(0, 0, 1, 1), width_px=1, height_px=1, size_bytes=1,
        sha256="0" * 64, quality=quality,
    )  # fmt: skip
    metadata = specs.ProductMetadata(
        brand_info=specs.BrandInfo(brand_name=endless, sub_brand=endless, manufacturer_country=endless),
        product_identity=specs.ProductIdentity(
            product_name=endless, variant_flavor=" ", product_category=endless, container_type=endless
        ),
        specifications=specs.Specifications(net_quantity_text=endless),
        marketing_and_claims=specs.MarketingAndClaims(claims_list=(endless,), marketing_description=endless),
        visual_grounding=specs.VisualGrounding(grounding_prompt=endless),
    )
    result = specs.SegmentVideoResult(
        video=specs.VideoFacts(duration_s=1, width_px=1, height_px=1, codec="h264", n_frames=1),
        frames=(frame,), primary_frame_index=0, metadata=metadata, rejected={}, segmenter="test",
    )  # fmt: skip
    async with jobs.db.transaction() as session:
        [job], _ = await videos.process_videos(session, jobs.board, video_ids[:1], SOMEBODY)
    running = await jobs.start(job)
    async with jobs.db.transaction() as session:
        completed = await service.complete(session, jobs.board, job.id, running.attempt, result, 1.0)
        product = (await products.apply_segmentation(session, completed, result)).product
    for name, most in TEXT_FIELDS.items():
        text_read = getattr(product, name)
        assert text_read is None if name == "variant_flavor" else 0 < len(text_read) <= most, name
