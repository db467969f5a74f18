"""Vectors are kept whatever happens beside, and products are found by them."""

import asyncio
import uuid

import pytest
from sqlalchemy import text

from buybuddy.domain.vectors import repository
from buybuddy.stages.specs import EncoderIdentity
from tests.integration.conftest import Jobs, happens
from tests.integration.matching_ground import DIM, Ground, lay_ground


@pytest.fixture
async def ground(jobs: Jobs) -> Ground:
    return await lay_ground(jobs)


async def test_a_new_encoder_may_wait_longer_for_its_graphs_than_other_statements(ground: Ground) -> None:
    identity = EncoderIdentity(name=f"late {uuid.uuid4()}", weights_sha256="-", preprocessing="test/1", dim=DIM)

    async def add() -> tuple[str | None, bool]:
        async with ground.jobs.db.transaction() as session:
            await session.execute(text("SET LOCAL statement_timeout = '300ms'"))
            encoder = await repository.get_or_add_encoder(session, identity)
            return await session.scalar(text("SELECT current_setting('statement_timeout')")), encoder.is_serving

    async with ground.jobs.db.transaction() as session:
        await session.execute(text("LOCK TABLE image_embeddings IN ROW EXCLUSIVE MODE"))  # as who adds vectors
        adding = asyncio.create_task(add())
        await happens(
            ground.jobs,
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'image_embeddings'::regclass"
            " AND clock_timestamp() - waitstart > interval '0.6 s')",
        )
    assert await adding == ("300ms", False)
    graphs = await ground.jobs.sql(
        "SELECT count(*) FROM pg_indexes WHERE indexname LIKE '%_graph_' ||"
        " (SELECT replace(id::text, '-', '') FROM encoders WHERE name = :name)",
        name=identity.name,
    )
    assert graphs == [2]
    await ground.jobs.sql("DELETE FROM encoders WHERE name = :name", name=identity.name)
