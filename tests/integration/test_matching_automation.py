"""Automatic approval on a real PostgreSQL: only what is sure, never what people hold or have decided, and not for long
when people find it wrong."""

import uuid
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from buybuddy.domain.collaboration.locks import service as lock_service
from buybuddy.domain.collaboration.locks.repository import Acquired
from buybuddy.domain.jobs import service as jobs_service
from buybuddy.domain.jobs.runner import JobRunner
from buybuddy.domain.matching.automation import audits, repository, service
from buybuddy.domain.matching.automation.rules import Quality, must_stop
from buybuddy.domain.matching.automation.service import Preview
from buybuddy.domain.matching.decisions import service as decisions
from buybuddy.domain.products.images.service import remove_image
from buybuddy.errors import Conflict, ResourceLocked
from buybuddy.infra.db import Actor
from buybuddy.infra.db.pages import Window
from buybuddy.stages.specs import BatchResult
from tests.integration.conftest import Jobs
from tests.integration.matching_ground import Ground, lay_ground
from tests.integration.test_locks import add_holder
from tests.integration.test_matching_queue import runner

__all__ = ["runner"]  # the fixture

APPROVED = "SELECT photo_id FROM match_decisions WHERE origin = 'automatic' AND decision = 'approved'"


@pytest.fixture
async def ground(jobs: Jobs) -> AsyncIterator[Ground]:
    """Nine hundred decisions: above 0.9 all were right, below about half."""
    ground = await lay_ground(jobs)
    people = await add_holder(jobs.db)
    actor = Actor(people.user_id, people.username)
    for similarity in (0.92, 0.94, 0.96):
        await ground.decide(actor, "approved", 250, similarity, margin=0.2)
    await ground.decide(actor, "approved", 80, 0.7, margin=0.2)
    await ground.decide(actor, "rejected", 80, 0.7, margin=0.2)
    await ground.count()
    yield ground


async def switch(ground: Ground, **changes: object) -> None:
    async with ground.jobs.db.transaction() as session:
        await service.edit_settings(session, ground.jobs.board, changes, Actor(None, "an admin"))


async def look_ahead(ground: Ground) -> Preview:
    async with ground.jobs.db.transaction() as session:
        return await service.preview(session, None)


async def approved(ground: Ground) -> set[uuid.UUID]:
    return {uuid.UUID(str(photo_id)) for photo_id in await ground.jobs.sql(APPROVED)}


async def test_only_what_is_sure_free_and_undecided_is_approved(ground: Ground, runner: JobRunner) -> None:
    product, rival, locked = await ground.product("4000000000017"), await ground.product(), await ground.product()
    sure = [await ground.photo(product, 0.97) for _ in range(3)]
    unsure = await ground.photo(product, 0.7)
    torn = await ground.photo(product, 0.69, second=(rival, 0.72))
    rejected = await ground.photo(product, 0.97)
    other_code = await ground.photo(product, 0.97, barcode="4000000000024")
    own_code = await ground.photo(product, 0.97, barcode="04000000000017")
    both_codes = await ground.photo(product, 0.97, barcode="4000000000017")
    await ground.jobs.sql(
        "UPDATE real_images SET barcodes_seen = '{4000000000017,4000000000024}' WHERE id = :id", id=both_codes
    )
    held = await ground.photo(locked, 0.97)
    await ground.suggest(runner, [*sure, unsure, torn, rejected, other_code, own_code, both_codes, held])
    sure.append(own_code)
    await ground.jobs.sql(
        "INSERT INTO match_decisions (product_id, photo_id, decision, tier, user_name)"
        " VALUES (:product, :photo, 'rejected', 'similarity', 'somebody')",
        product=product,
        photo=rejected,
    )
    await ground.count()
    assert await approved(ground) == set()  # it is off
    found = await look_ahead(ground)
    assert (found.n_pairs, found.is_whole) == (5, True)
    assert found.basis.cutoff is not None
    assert found.basis.cutoff.lower > 0.99

    holder = await add_holder(ground.jobs.db)
    async with ground.jobs.db.transaction() as session:
        assert isinstance(await lock_service.acquire(session, "matching", locked, holder), Acquired)
    await switch(ground, is_automatic=True, audit_share=1.0)
    await ground.work(runner)
    assert await approved(ground) == set(sure)
    assert await ground.jobs.sql("SELECT status FROM products WHERE id = :id", id=product) == ["ready"]
    assert len(await ground.jobs.sql("SELECT photo_id FROM match_audits")) == 4
    async with ground.jobs.db.transaction() as session:
        await lock_service.release(session, "matching", locked, holder)
    late = await ground.photo(locked, 0.97)
    await ground.suggest(runner, [late])
    await ground.count()
    await ground.work(runner)
    assert {held, late} <= await approved(ground)


async def test_nothing_is_approved_by_few_decisions_or_when_it_is_off(ground: Ground, runner: JobRunner) -> None:
    product = await ground.product()
    await ground.suggest(runner, [await ground.photo(product, 0.97)])
    await ground.count()
    await switch(ground, is_automatic=True, precision_target=0.999)  # would need 5,406 decisions
    await ground.work(runner)
    assert await approved(ground) == set()
    found = await look_ahead(ground)
    assert (found.n_pairs, found.n_needed, found.basis.cutoff) == (0, 5406, None)


UNFINISHED = "SELECT id FROM jobs WHERE config->>'stage' = 'approve_matches' AND status IN ('queued','processing')"


async def unfinished(ground: Ground) -> list[uuid.UUID]:
    return [uuid.UUID(str(job_id)) for job_id in await ground.jobs.sql(UNFINISHED)]


async def test_suggestions_are_approved_once_they_are_counted(ground: Ground, runner: JobRunner) -> None:
    product = await ground.product()
    await switch(ground, is_automatic=True)
    await ground.work(runner)
    photo = await ground.photo(product, 0.97)
    await ground.suggest(runner, [photo])
    await ground.work(runner)
    assert await unfinished(ground) == []
    await ground.count()
    await ground.work(runner)
    assert await approved(ground) == {photo}
    await ground.count()
    assert await unfinished(ground) == []  # nothing new was found since


async def test_suggestions_that_come_while_approvals_are_made_are_not_forgotten(
    ground: Ground, runner: JobRunner
) -> None:
    product = await ground.product()
    await switch(ground, is_automatic=True)
    await ground.count()
    at_work = (await unfinished(ground))[0]
    job = await ground.jobs.start(await ground.jobs.look(at_work))
    photo = await ground.photo(product, 0.97)
    await ground.suggest(runner, [photo])
    await ground.count()
    assert await unfinished(ground) == [at_work]
    async with ground.jobs.db.transaction() as session:
        result = BatchResult(n_done=0, n_failed=0)
        await jobs_service.complete(session, ground.jobs.board, job.id, job.attempt, result, 1.0)
    await ground.count()
    await ground.work(runner)
    assert await approved(ground) == {photo}


async def test_approvals_begin_when_people_have_decided_enough(ground: Ground, runner: JobRunner) -> None:
    await ground.jobs.sql("DELETE FROM match_decisions WHERE similarity > 0.9")
    await ground.jobs.sql("DELETE FROM matching_calibrations")
    product, _rival = await ground.product(), await ground.product()
    photo = await ground.photo(product, 0.97)
    await ground.suggest(runner, [photo])
    await ground.count()
    await switch(ground, is_automatic=True)
    assert await unfinished(ground) == []
    holder = await add_holder(ground.jobs.db)
    await ground.decide(Actor(holder.user_id, holder.username), "approved", 750, 0.94, margin=0.2)
    await ground.jobs.sql("UPDATE matching_calibrations SET looked_at = looked_at - interval '1 day'")
    await ground.count()
    await ground.work(runner)
    assert await approved(ground) == {photo}


async def ask(ground: Ground, product: uuid.UUID, photo: uuid.UUID, actor: Actor, *, is_right: bool) -> Quality:
    async with ground.jobs.db.transaction() as session:
        return await audits.answer(session, product, photo, actor, is_right=is_right)


async def test_what_people_find_wrong_is_taken_back_and_too_much_of_it_ends_it(
    ground: Ground, runner: JobRunner
) -> None:
    product = await ground.product()
    photos = [await ground.photo(product, 0.97) for _ in range(32)]
    await ground.suggest(runner, photos)
    await ground.count()
    await switch(ground, is_automatic=True, audit_share=1.0)
    await ground.work(runner)
    person, admin = await add_holder(ground.jobs.db), await add_holder(ground.jobs.db)
    await ground.jobs.sql("UPDATE users SET role = 'admin' WHERE id = :id", id=admin.user_id)
    actor = Actor(person.user_id, person.username)
    async with ground.jobs.db.transaction() as session:
        asked = await repository.list_open(session, Window(limit=100))
    assert {row.photo_id for row in asked.rows} == set(photos)

    async with ground.jobs.db.transaction() as session:
        await lock_service.acquire(session, "matching", product, admin)
    with pytest.raises(ResourceLocked):
        await ask(ground, product, photos[0], actor, is_right=True)
    async with ground.jobs.db.transaction() as session:
        await lock_service.release(session, "matching", product, admin)
    assert (await ask(ground, product, photos[0], actor, is_right=False)) == Quality(1, 0)
    assert await ground.jobs.sql("SELECT status FROM real_images WHERE id = :id", id=photos[0]) == ["unassigned"]
    row = "SELECT decision || ' ' || origin || ' ' || user_name FROM match_decisions WHERE photo_id = :id"
    assert await ground.jobs.sql(row, id=photos[0]) == [f"rejected person {person.username}"]
    assert await ground.jobs.sql("SELECT real_count FROM products WHERE id = :id", id=product) == [31]
    with pytest.raises(Conflict):
        await ask(ground, product, photos[0], actor, is_right=True)

    for photo in photos[1:29]:
        await ask(ground, product, photo, actor, is_right=True)
    assert await ground.jobs.sql("SELECT is_automatic FROM matching_settings") == [True]
    assert await ask(ground, product, photos[29], actor, is_right=True) == Quality(30, 29)
    assert await ground.jobs.sql("SELECT is_automatic FROM matching_settings") == [False]
    told = "SELECT kind FROM notifications WHERE user_id = :id"
    assert await ground.jobs.sql(told, id=admin.user_id) == ["matching.automation_off"]
    assert await ground.jobs.sql(told, id=person.user_id) == []
    # Once an admin has switched it on again, it is judged by what it does from then on.
    await switch(ground, is_automatic=True)
    async with ground.jobs.db.transaction() as session:
        assert await repository.measure_quality(session) == Quality(0, 0)


async def test_near_duplicates_are_asked_about_once_and_taken_back_together(ground: Ground, runner: JobRunner) -> None:
    product, group = await ground.product(), uuid.uuid4()
    twins = [await ground.photo(product, 0.97, group_id=group) for _ in range(5)]
    single = await ground.photo(product, 0.97)
    await ground.suggest(runner, [*twins, single])
    await ground.count()
    await switch(ground, is_automatic=True, audit_share=1.0)
    await ground.work(runner)
    assert await approved(ground) == {*twins, single}
    asked = [uuid.UUID(str(photo_id)) for photo_id in await ground.jobs.sql("SELECT photo_id FROM match_audits")]
    assert len(asked) == 2 and single in asked
    person = await add_holder(ground.jobs.db)
    actor = Actor(person.user_id, person.username)
    one = next(photo_id for photo_id in asked if photo_id != single)
    assert await ask(ground, product, one, actor, is_right=False) == Quality(1, 0)
    assert await approved(ground) == {single}
    rejected = await ground.jobs.sql("SELECT photo_id FROM match_decisions WHERE user_id = :id", id=person.user_id)
    assert {uuid.UUID(str(photo_id)) for photo_id in rejected} == set(twins)


async def take_back(ground: Ground, how: str, product: uuid.UUID, photo: uuid.UUID) -> None:
    """Take an approval back, as a person does on the page of matching or on the product's."""
    holder = await add_holder(ground.jobs.db)
    actor = Actor(holder.user_id, holder.username)
    async with ground.jobs.db.transaction() as session:
        if how == "undo":
            lock = await lock_service.acquire(session, "matching", product, holder)
            assert isinstance(lock, Acquired)
            await decisions.undo(session, product, [photo], actor, lock.lock.token)
            await lock_service.release(session, "matching", product, holder)
        else:
            of_photo = text("SELECT id FROM product_images WHERE photo_id = :photo")
            image_id = (await session.execute(of_photo, {"photo": photo})).scalar_one()
            await remove_image(session, product, image_id, None, actor)


@pytest.mark.parametrize("how", ["undo", "remove the image"])
@pytest.mark.parametrize("is_drawn", [True, False])
async def test_an_approval_that_a_person_takes_back_was_wrong_and_does_not_come_back(
    ground: Ground, runner: JobRunner, how: str, is_drawn: bool
) -> None:
    product = await ground.product()
    photos = [await ground.photo(product, 0.97) for _ in range(31)]
    await ground.suggest(runner, photos)
    await ground.count()
    await switch(ground, is_automatic=True, audit_share=1.0)
    await ground.work(runner)
    if not is_drawn:
        await ground.jobs.sql("DELETE FROM match_audits")
    await take_back(ground, how, product, photos[0])
    async with ground.jobs.db.transaction() as session:
        assert await repository.measure_quality(session) == Quality(1, 0)
    await ground.count()
    assert (await look_ahead(ground)).n_pairs == 0
    async with ground.jobs.db.transaction() as session:
        await service.wish(session)
    await ground.count()
    await ground.work(runner)
    assert await approved(ground) == set(photos[1:])
    # A person may still approve it, and their own approval is theirs to take back.
    holder = await add_holder(ground.jobs.db)
    async with ground.jobs.db.transaction() as session:
        lock = await lock_service.acquire(session, "matching", product, holder)
        assert isinstance(lock, Acquired)
        actor = Actor(holder.user_id, holder.username)
        done = await decisions.approve(session, product, photos[:1], actor, lock.lock.token, 0.7)
        assert done.photo_ids == photos[:1]
        await lock_service.release(session, "matching", product, holder)
    # Enough of them end it, though nobody was asked.
    for photo in photos[1:30]:
        await take_back(ground, how, product, photo)
    await ground.count()
    assert await ground.jobs.sql("SELECT is_automatic FROM matching_settings") == [False]


async def test_what_goes_with_its_product_or_its_photo_was_not_wrong(ground: Ground, runner: JobRunner) -> None:
    products = [await ground.product() for _ in range(2)]
    photos = [await ground.photo(product, 0.97) for product in products]
    await ground.suggest(runner, photos)
    await ground.count()
    await switch(ground, is_automatic=True, audit_share=1.0)
    await ground.work(runner)
    assert await approved(ground) == set(photos)
    await ground.jobs.sql("DELETE FROM products WHERE id = :id", id=products[0])
    await ground.jobs.sql("DELETE FROM real_images WHERE id = :id", id=photos[1])
    assert await ground.jobs.sql("SELECT is_right FROM match_audits") == []


def test_it_stops_below_the_target_and_not_before_thirty_answers() -> None:
    assert not must_stop(Quality(29, 0), 0.9)
    assert must_stop(Quality(30, 26), 0.9)
    assert not must_stop(Quality(30, 27), 0.9)
