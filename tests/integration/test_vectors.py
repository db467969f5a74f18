"""Vectors are kept whatever happens beside, and products are found by them."""

import asyncio
import io
import uuid
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import TextClause, text

from buybuddy.domain.products import repository as products_repository
from buybuddy.domain.vectors import repository, service
from buybuddy.domain.vectors.service import Kept
from buybuddy.domain.vectors.sql import SETTINGS, near_products
from buybuddy.infra.db import Session
from buybuddy.infra.storage import ObjectStorage
from buybuddy.stages.specs import EmbedImagesResult, EncoderIdentity
from tests.integration.conftest import Jobs, happens
from tests.integration.matching_ground import DIM, Ground, lay_ground, unit
from tests.integration.test_matching_decisions import add_product


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


@pytest.mark.parametrize("what", ["one image", "its frames", "the product"])
async def test_vectors_of_images_that_are_just_being_removed_are_left_out(
    ground: Ground, tmp_path: Path, what: str
) -> None:
    going, staying = await ground.product(n_images=3), await ground.product(n_images=2)
    ids = await ground.jobs.sql("SELECT id::text FROM product_images ORDER BY id DESC")
    first = "SELECT id FROM product_images WHERE product_id = :id LIMIT 1"
    goes = {
        "one image": f"DELETE FROM product_images WHERE id IN ({first})",
        "its frames": "DELETE FROM product_images WHERE product_id = :id",
        "the product": "DELETE FROM products WHERE id = :id",
    }[what]
    keeping: asyncio.Task[Kept]
    async with ground.jobs.db.transaction() as session:
        await products_repository.lock_product(session, going)  # as whoever removes any of these
        await session.execute(text(goes), {"id": going})
        keeping = asyncio.create_task(keep_vectors(ground, tmp_path, [str(one) for one in ids]))
        await happens(
            ground.jobs,
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid')",
        )
    kept = await keeping
    left = await ground.jobs.sql("SELECT id FROM product_images ORDER BY id")
    assert kept.image_ids == left and len(left) == (4 if what == "one image" else 2)
    assert set(await ground.jobs.sql("SELECT image_id FROM image_embeddings")) == set(left)
    assert staying in ground.directions


async def keep_vectors(ground: Ground, folder: Path, ids: list[str]) -> Kept:
    """Do what follows a job that has embedded images."""
    storage, buffer = ObjectStorage(f"file://{folder / 'storage'}"), io.BytesIO()
    np.save(buffer, np.tile(np.eye(DIM, dtype=np.float32)[0], (len(ids), 1)))
    storage.put("embeddings/1/vectors.npy", buffer.getvalue())
    identity = EncoderIdentity(name="test", weights_sha256="-", preprocessing="test/1", dim=DIM)
    result = EmbedImagesResult(
        encoder=identity, vectors_key="embeddings/1/vectors.npy", image_ids=tuple(ids), failures=()
    )
    [job] = await ground.jobs.create()
    async with ground.jobs.db.transaction() as session:
        return await service.apply_embeddings(session, storage, job, result)


async def add_anywhere(ground: Ground, *n_images: int) -> list[uuid.UUID]:
    """Add products, each somewhere, with so many images that look all the same."""
    async with ground.jobs.db.transaction() as session:
        added = [await add_product(session) for _ in n_images]
        for product_id, n in zip(added, n_images, strict=True):
            ground.directions[product_id] = unit(ground.chooser.normal(size=DIM))
            await ground.images(session, product_id, n)
    return added


async def test_of_many_vectors_those_are_compared_that_the_graph_finds(ground: Ground) -> None:
    near, behind, *_ = await add_anywhere(ground, 40, 1, *[3] * 60)
    queries = [unit(ground.directions[near] + 0.5 * ground.directions[behind]).tolist(), unit(np.ones(DIM)).tolist()]
    async with ground.jobs.db.transaction() as session:
        encoder = await ground.encoder(session)
        exact, n_vectors = await service.rank_products(session, encoder, queries, 10)
        asked = {"vectors": ["[1]"], "without": [], "n_images": 80, "n": 10}
        plans = await explain(session, near_products(encoder.id, DIM), asked)
        more = {"key": str(encoder.id), "n": service.MOST_COMPARED}
        await session.execute(
            text("INSERT INTO tallies (subject, facet, key, n) VALUES ('image_embeddings', 'encoder', :key, :n)"), more
        )
        found, n_counted = await service.rank_products(session, encoder, queries, 10)
        few = await repository.find_near_products(session, encoder, queries[:1], 2, n_counted)
        every = await repository.find_near_products(session, encoder, queries, 100, n_vectors)
        await session.rollback()  # there are not so many
    assert n_vectors == 60 * 3 + 41
    assert n_counted == n_vectors + service.MOST_COMPARED
    assert f"image_graph_{ground.encoder_id.hex}" in plans
    assert len(found) == len(exact) == 10
    assert len(set(found) & set(exact)) >= 9
    assert [match.product_id for match in few] == [near, behind], "though forty images of one product are nearer"
    assert len(every) == 62


async def explain(session: Session, statement: TextClause, values: dict[str, object]) -> str:
    await session.execute(SETTINGS)
    return "\n".join(await session.scalars(text(f"EXPLAIN {statement.text}"), values))
