"""What helps people match, on a real PostgreSQL: suggestions, the queue in the order of its gain, how much is left."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select

from buybuddy.domain.jobs.runner import JobRunner
from buybuddy.domain.matching.candidates.service import Candidate
from buybuddy.domain.matching.confidence import repository as confidence_repository
from buybuddy.domain.matching.confidence import service as confidence
from buybuddy.domain.matching.confidence.rules import Curve
from buybuddy.domain.matching.queue import repository, service
from buybuddy.domain.matching.suggestions import service as suggestions
from buybuddy.domain.matching.suggestions.repository import Pair, write_pairs
from buybuddy.domain.matching.suggestions.sql import KEPT_PER_PHOTO
from buybuddy.domain.matching.tables import MatchingQueueRow, MatchSuggestion
from buybuddy.domain.photos.tables import Photo
from buybuddy.domain.vectors import repository as vectors_repository
from buybuddy.domain.vectors.encoders import repository as encoders_repository
from buybuddy.flow import BATCH_STEPS, build_apply_result
from buybuddy.infra.db import Actor
from buybuddy.infra.db.pages import BadCursor, Window
from buybuddy.infra.executors import LocalExecutor
from buybuddy.infra.storage import ObjectStorage
from buybuddy.stages.messages import Setup
from tests.integration.conftest import Jobs
from tests.integration.matching_ground import DIM, Ground, lay_ground
from tests.integration.test_locks import add_holder


@pytest.fixture
async def ground(jobs: Jobs) -> AsyncIterator[Ground]:
    yield await lay_ground(jobs)


@pytest.fixture
async def runner(jobs: Jobs, tmp_path: Path) -> AsyncIterator[JobRunner]:
    storage = ObjectStorage(f"file://{tmp_path / 'storage'}")
    executor = LocalExecutor(
        Setup(storage_url=storage.url, models_dir=tmp_path, scratch_dir=tmp_path / "scratch", n_threads=1)
    )
    yield JobRunner(jobs.db, jobs.board, executor, build_apply_result(jobs.board, storage), batch_steps=BATCH_STEPS)
    await executor.close()


async def suggested(ground: Ground) -> dict[tuple[uuid.UUID, uuid.UUID], float]:
    async with ground.jobs.db.transaction() as session:
        rows = await session.scalars(select(MatchSuggestion))
        return {(row.photo_id, row.product_id): row.similarity for row in rows}


async def queued(ground: Ground, status: str = "needs_matching") -> list[MatchingQueueRow]:
    await ground.count()
    async with ground.jobs.db.transaction() as session:
        return list((await repository.list_queue(session, status, None, None, Window())).rows)


async def test_photos_get_their_five_nearest_products_and_products_their_photos(
    ground: Ground, runner: JobRunner
) -> None:
    products = [await ground.product() for _ in range(8)]
    photos = [await ground.photo(products[0], 0.8), await ground.photo(products[1], 0.7, second=(products[2], 0.6))]
    gone = await ground.photo(products[3])
    await ground.jobs.sql("DELETE FROM real_images WHERE id = :id", id=gone)
    await ground.suggest(runner, [*photos, gone])
    found = await suggested(ground)
    assert found[photos[0], products[0]] == pytest.approx(0.8, abs=1e-3)
    assert found[photos[1], products[2]] == pytest.approx(0.6, abs=1e-3)
    assert [sum(photo == one for photo, _ in found) for one in photos] == [5, 5]
    assert gone not in {photo for photo, _ in found}

    late = await ground.product()
    async with ground.jobs.db.transaction() as session:
        ground.directions[late] = ground.directions[products[0]]
        image_ids = await ground.images(session, late, 1)
        parent = (await ground.jobs.create_in(session))[0]
        encoder = await ground.encoder(session)
        from_images = (session, ground.jobs.board, encoder, image_ids, parent.id)
        await suggestions.suggest_for_images(*from_images)
    await ground.work(runner)
    found = await suggested(ground)
    assert found[photos[0], late] == pytest.approx(0.8, abs=1e-3)
    assert (photos[1], late) not in found  # it is not like it at all


async def test_of_the_products_that_find_a_photo_the_best_are_kept(ground: Ground) -> None:
    photo = await ground.photo(await ground.product())
    products = [await ground.product() for _ in range(KEPT_PER_PHOTO + 10)]
    order = [*range(10, len(products)), *range(10)]  # the best ones are written last
    for start in range(0, len(order), 4):
        pairs = [Pair(photo, products[place], 0.9 - place / 100) for place in order[start : start + 4]]
        async with ground.jobs.db.transaction() as session:
            await write_pairs(session, ground.encoder_id, pairs, [], [pair.product_id for pair in pairs])
    assert {product for _, product in await suggested(ground)} == set(products[:KEPT_PER_PHOTO])
    rows = {row.product_id: row.n_candidates for row in await queued(ground)}
    assert [rows[product] for product in products] == [1] * KEPT_PER_PHOTO + [0] * 10


async def test_another_encoder_replaces_what_the_first_found(ground: Ground, runner: JobRunner) -> None:
    product = await ground.product()
    photo = await ground.photo(product, 0.9)
    await ground.suggest(runner, [photo])
    await ground.count()
    first_encoder = ground.encoder_id
    ground.encoder_id = uuid.UUID(
        str(
            (
                await ground.jobs.sql(
                    "INSERT INTO encoders (id, name, weights_sha256, preprocessing, dim)"
                    f" VALUES (gen_random_uuid(), 'other', '-', '-', {DIM}) RETURNING id"
                )
            )[0]
        )
    )
    other = await ground.product()
    async with ground.jobs.db.transaction() as session:
        vector = ground.directions[other].tolist()
        await vectors_repository.add_photo_embeddings(session, ground.encoder_id, [(photo, vector)])
        await encoders_repository.serve(session, ground.encoder_id)
    await ground.count()
    await ground.work(runner)
    assert await suggested(ground) == {(photo, other): pytest.approx(1.0)}
    rows = await queued(ground)
    assert {row.product_id: row.n_candidates for row in rows} == {other: 1, product: 0}
    async with ground.jobs.db.transaction() as session:
        await encoders_repository.serve(session, first_encoder)
    await ground.count()
    await ground.work(runner)
    assert set(await suggested(ground)) == {(photo, product)}


async def test_the_queue_follows_whatever_changes_what_a_product_promises(ground: Ground, runner: JobRunner) -> None:
    rich, poor, none = [await ground.product() for _ in range(3)]
    group = uuid.uuid4()
    photos = [await ground.photo(rich, 0.95) for _ in range(3)]
    twins = [await ground.photo(rich, 0.94, group_id=group) for _ in range(2)]
    weak = await ground.photo(poor, 0.75)
    await ground.suggest(runner, [*photos, *twins, weak])
    rows = await queued(ground)
    assert [row.product_id for row in rows] == [rich, poor, none]
    assert [row.n_candidates for row in rows] == [4, 1, 0]  # near-duplicates are one card
    assert rows[0].expected_matches > 3 * rows[1].expected_matches > 0
    assert rows[0].best_similarity == pytest.approx(0.95, abs=1e-3)

    await ground.jobs.sql("UPDATE real_images SET status = 'discarded' WHERE id = ANY(:ids)", ids=[*photos, twins[0]])
    rows = await queued(ground)
    assert {row.product_id: row.n_candidates for row in rows} == {rich: 1, poor: 1, none: 0}
    await ground.jobs.sql(
        "INSERT INTO match_decisions (product_id, photo_id, decision, tier, user_name)"
        " VALUES (:product, :photo, 'skipped', 'similarity', 'somebody')",
        product=rich,
        photo=twins[1],
    )
    rows = await queued(ground)
    assert rows[0].product_id == poor
    assert {row.product_id: row.n_candidates for row in rows} == {rich: 0, poor: 1, none: 0}

    await ground.jobs.sql("UPDATE products SET status = 'ready' WHERE id = ANY(:ids)", ids=[poor, none])
    assert [row.product_id for row in await queued(ground)] == [rich]
    assert [row.product_id for row in await queued(ground, "ready")] == [poor]  # it still has a candidate
    await ground.jobs.sql("DELETE FROM products WHERE id = :id", id=poor)
    assert await queued(ground, "ready") == []


async def test_the_database_counts_as_the_rules_do(ground: Ground, runner: JobRunner) -> None:
    bent = Curve(weights=(-0.5, 1.1, 0.7, 2.5), edges=(-1.0, 0.5, 2.0), offsets=(-0.2, 0.3, 0.4, 1.6),
                 slopes=(1.0, 1.5, 1.3, 0.7), n_decisions=400)  # fmt: skip
    one, two = await ground.product("0012345678905"), await ground.product()
    group = uuid.uuid4()
    photos = [
        await ground.photo(one, 0.85, second=(two, 0.4), group_id=group),
        await ground.photo(one, 0.8, second=(two, 0.4), group_id=group),  # the same card
        await ground.photo(one, 0.6, barcode="12345678905"),
        await ground.photo(one, 0.3, second=(two, 0.9)),  # nobody is shown this one
    ]
    await ground.suggest(runner, photos)
    async with ground.jobs.db.transaction() as session:
        await confidence_repository.keep_curve(session, ground.encoder_id, bent)
    rows = {row.product_id: row for row in await queued(ground)}
    wanted = bent.confidence(0.85, 0.45, "similarity") + bent.confidence(0.6, 0.6, "both")
    assert rows[one].expected_matches == pytest.approx(wanted, abs=2e-3)
    assert rows[one].n_candidates == 2
    async with ground.jobs.db.transaction() as session:
        found = await session.get(Photo, photos[0])
        assert found is not None
        card = Candidate(found, "similarity", 0.85, (found.id,))
        shown = await confidence.confidences(session, one, [card], await ground.encoder(session))
    assert shown[photos[0]] == pytest.approx(bent.confidence(0.85, 0.45, "similarity"), abs=2e-3)


async def test_confidence_follows_people_and_the_queue_with_it(ground: Ground, runner: JobRunner) -> None:
    product = await ground.product()
    photo = await ground.photo(product, 0.8)
    await ground.suggest(runner, [photo])
    before = (await queued(ground))[0].expected_matches
    holder = await add_holder(ground.jobs.db)
    await ground.decide(Actor(holder.user_id, holder.username), "rejected", 150, 0.8)
    await ground.jobs.sql("UPDATE matching_calibrations SET looked_at = looked_at - interval '1 day'")
    after = (await queued(ground))[0].expected_matches
    assert after < before / 3
    async with ground.jobs.db.transaction() as session:
        assert (await confidence_repository.find_curve(session, ground.encoder_id)).n_decisions == 150
        assert not await confidence.learn(session)  # a minute has not gone, nobody has decided


async def test_progress_says_who_did_how_much_and_how_long_the_rest_takes(ground: Ground, runner: JobRunner) -> None:
    product = await ground.product()
    await ground.suggest(runner, [await ground.photo(product, 0.9) for _ in range(6)])
    await ground.count()
    people = [await add_holder(ground.jobs.db) for _ in range(2)]
    await ground.decide(Actor(people[0].user_id, people[0].username), "approved", 20, 0.9, seconds_apart=3)
    await ground.decide(Actor(people[1].user_id, people[1].username), "rejected", 5, 0.5, seconds_apart=3)
    async with ground.jobs.db.transaction() as session:
        progress = await service.measure_progress(session)
    assert (progress.decisions_left, progress.products_left) == (6, 1)
    assert [(person.name, person.total) for person in progress.people] == [
        (people[0].username, 20), (people[1].username, 5)
    ]  # fmt: skip
    assert progress.pace.seconds_per_decision == pytest.approx(3, abs=0.1)
    assert progress.hours_left == pytest.approx(6 * 3 / 3600, abs=0.01)


async def test_the_queue_is_paged_and_searched(ground: Ground, runner: JobRunner) -> None:
    products = [await ground.product(f"40000000000{number:02d}") for number in range(12)]
    await ground.jobs.sql("UPDATE products SET product_name = 'biscuit' WHERE id = ANY(:ids)", ids=products[:3])
    photos = [await ground.photo(product, 0.99 - 0.02 * index) for index, product in enumerate(products)]
    await ground.suggest(runner, photos)
    await ground.count()
    seen: list[uuid.UUID] = []
    async with ground.jobs.db.transaction() as session:
        window = Window(limit=5)
        while True:
            page = await repository.list_queue(session, "needs_matching", None, None, window)
            seen += [row.product_id for row in page.rows]
            assert page.total == 12
            if page.next_cursor is None:
                break
            window = Window(limit=5, cursor=page.next_cursor)
        assert seen == products
        by_code = await repository.list_queue(session, "needs_matching", ["4000000000007"], None, Window())
        assert [row.product_id for row in by_code.rows] == [products[7]]
        by_word = await repository.list_queue(session, "needs_matching", None, "bisc", Window())
        assert [row.product_id for row in by_word.rows] == products[:3]
        with pytest.raises(BadCursor):
            await repository.list_queue(session, "needs_matching", None, None, Window(cursor="WyJnYWluIixOYU4sMV0"))
