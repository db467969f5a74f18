"""Published indexes on a real PostgreSQL with the real stage: built, activated, swapped, refused, cancelled, killed."""

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from buybuddy.domain.embeddings import activation, extraction, gathering, repository, service
from buybuddy.domain.embeddings.activation import NotReady, NoWayBack
from buybuddy.domain.embeddings.repository import Place
from buybuddy.domain.embeddings.service import IndexInUse, NameTaken, NotFrozen, Wish
from buybuddy.domain.embeddings.shelf import IndexShelf
from buybuddy.domain.embeddings.tables import EmbeddingIndex
from buybuddy.domain.jobs import service as jobs_service
from buybuddy.domain.jobs.rules import HEARTBEAT_S
from buybuddy.errors import BuybuddyError, Conflict, NotFound
from buybuddy.infra.db import new_id
from buybuddy.infra.db.event_feed import EventFeed
from buybuddy.infra.vectors import IndexDamaged
from tests.integration.conftest import SOMEBODY, Jobs, happens
from tests.integration.index_shop import DIM, IMAGE, Shop, open_shop, unit


@pytest.fixture
async def shop(jobs: Jobs, tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(jobs, tmp_path) as shop:
        yield shop


async def test_an_index_holds_the_frozen_images_that_have_a_vector_and_lists_the_others(shop: Shop) -> None:
    for seed in range(6):
        await shop.product(3, seed=seed)
    *_, bare = await shop.product(3, seed=50, n_with_vector=2)
    gone, *_ = await shop.product(2, seed=60)
    photo, photo_image = new_id(), new_id()
    await shop.jobs.sql(
        "INSERT INTO real_images (id, name, source, storage_key, sha256, size_bytes, group_id, status, product_id)"
        " VALUES (:id, 'p', 'test', 'p', 'p', 1, :id, 'assigned', :product)",
        id=photo,
        product=shop.products[gone],
    )
    values = {"photo": photo, "type": "real", "source": "matching"}
    await shop.jobs.sql(IMAGE, product=shop.products[gone], ids=[photo_image], **values)
    [vector] = unit(1, 70)
    await shop.jobs.sql(
        "INSERT INTO photo_embeddings (encoder_id, photo_id, embedding, is_open, source)"
        " VALUES (:encoder, :photo, :vector, false, '')",
        encoder=shop.encoder,
        photo=photo,
        vector=str(vector.tolist()),
    )
    shop.products[photo_image], shop.vectors[photo_image] = shop.products[gone], vector
    version = await shop.freeze()
    await shop.jobs.sql("DELETE FROM product_images WHERE id = :id", id=gone)
    del shop.vectors[gone]
    await shop.product(2, seed=80)  # after the freeze: not in it
    later = {image for image, product in shop.products.items() if product == list(shop.products.values())[-1]}

    index = await shop.build("May")
    assert (index.status, index.kind, index.dim, index.dataset_version_id) == ("ready", "exact", DIM, version.id)
    assert (index.vector_count, index.product_count, index.n_left_out) == (22, 8, 2)
    assert {one["image_id"]: one["reason"] for one in index.left_out} == {
        str(bare): gathering.NO_VECTOR,
        str(gone): gathering.IS_GONE,
    }
    assert await shop.jobs.sql("SELECT status FROM jobs") == ["completed"] * 2
    assert index.dataset_label == "Snacks, version 1"
    for image in later:
        del shop.vectors[image]
    shelf = shop.shelf()
    await shop.activate(shelf, index.id)
    for query in unit(20, 90):
        assert await shop.rank(shelf, query, 8) == shop.best(query, 8)
    assert (await shop.rank(shelf, vector, 1))[0] == (shop.products[gone], photo_image)
    await shelf.stop()


async def test_what_was_deleted_since_is_left_out_of_the_answers(shop: Shop) -> None:
    many = await shop.product(40, seed=1)
    for seed in range(2, 8):
        await shop.product(2, seed=seed)
    await shop.freeze()
    index = await shop.build("May", "ivf")
    assert index.recall_at_10 is not None and index.recall_at_10 > 0.9
    shelf = shop.shelf()
    await shop.activate(shelf, index.id)
    query = shop.vectors[many[0]]
    assert (await shop.rank(shelf, query, 3))[0] == (shop.products[many[0]], many[0])
    await shop.jobs.sql("DELETE FROM product_images WHERE id = :id", id=many[0])
    del shop.vectors[many[0]]
    assert await shop.rank(shelf, query, 7) == shop.best(query, 7)
    await shop.jobs.sql("DELETE FROM products WHERE id = :id", id=shop.products[many[0]])
    shop.vectors = {image: one for image, one in shop.vectors.items() if shop.products[image] != shop.products[many[0]]}
    assert await shop.rank(shelf, query, 6) == shop.best(query, 6)
    await shelf.stop()


async def test_a_product_with_many_images_does_not_hide_the_others(shop: Shop) -> None:
    many = await shop.product(120, seed=1)
    for seed in range(2, 12):
        await shop.product(2, seed=seed)
    query = shop.vectors[many[0]]
    alike = {image: query + 0.05 * row for image, row in zip(many, unit(120, 30), strict=True)}
    shop.vectors |= {image: row / np.linalg.norm(row) for image, row in alike.items()}
    await shop.embed({image: shop.vectors[image] for image in many})
    await shop.freeze()
    shelf = shop.shelf()
    await shop.activate(shelf, (await shop.build("May")).id)
    for k in (1, 4, 11):
        assert await shop.rank(shelf, query, k) == shop.best(query, k)
    await shelf.stop()


async def test_what_cannot_be_built_is_refused_or_fails_with_its_reason(shop: Shop) -> None:
    with pytest.raises(NotFrozen):
        await shop.begin("May")
    await shop.product(2, seed=1, n_with_vector=0)
    await shop.freeze()
    index = await shop.build("May")
    assert (index.status, index.is_serving) == ("failed", False)
    assert index.error is not None and "extract them first" in index.error
    with pytest.raises(NameTaken):
        await shop.begin("MAY")
    with pytest.raises(NotReady, match="extract them first"):
        await shop.activate(shop.shelf(), index.id)
    async with shop.jobs.db.transaction() as session:
        with pytest.raises(NotFound):
            await service.begin(session, shop.jobs.board, Wish("x", dataset_id=new_id()), SOMEBODY, None)
    async with shop.jobs.db.transaction() as session:
        await service.remove_index(session, index.id, SOMEBODY)
    assert await shop.begin("May", key="1") == await shop.begin("May", key="1")


@pytest.mark.parametrize(("look_at", "at_most"), [(2, 1), (2, 3), (3, 100), (100, 2)])
async def test_each_picture_without_a_vector_is_looked_up_once(shop: Shop, look_at: int, at_most: int) -> None:
    missing: set[uuid.UUID] = set()
    for seed in range(7):
        images = await shop.product(4, seed=seed, n_with_vector=seed % 5)
        missing |= set(images[seed % 5 :])
    augmented = {"photo": None, "type": "augmented", "source": "augmentation"}
    await shop.jobs.sql(IMAGE, product=shop.products[images[0]], ids=[new_id()], **augmented)
    found: list[uuid.UUID] = []
    place: Place | None = extraction.BEGINNING
    async with shop.jobs.db.transaction() as session:
        for _ in range(100):
            assert place is not None
            pictures, place = await repository.next_missing(
                session, shop.dataset, shop.encoder, place, look_at, at_most
            )
            found += [picture.id for picture in pictures]
            if place is None:
                break
    assert place is None
    assert len(found) == len(set(found)) and set(found) == missing


async def test_exactly_one_index_serves_whatever_is_asked_at_the_same_moment(shop: Shop) -> None:
    await shop.product(5, seed=1)
    await shop.freeze()
    built = [await shop.build(str(number)) for number in range(4)]
    shelves = [shop.shelf() for _ in range(3)]
    for round_number in range(4):
        asked = [shop.activate(shelves[n % 3], built[(n + round_number) % 4].id) for n in range(8)]
        backwards = [activation.open_and_roll_back(shop.jobs.db, shelf, SOMEBODY) for shelf in shelves]
        ended = await asyncio.gather(*asked, *backwards, return_exceptions=True)
        assert all(isinstance(one, Conflict | EmbeddingIndex | None) for one in ended)
        assert len(await shop.serving()) <= 1
    await shop.activate(shelves[0], built[0].id)
    assert await shop.serving() == ["0"]
    for shelf in shelves:
        await shelf.follow_serving()
        assert shelf.serving is not None and shelf.serving.id == built[0].id
        await shelf.stop()


async def test_one_goes_back_step_by_step_to_the_living_vectors(shop: Shop) -> None:
    await shop.product(5, seed=1)
    await shop.freeze()
    first, second = await shop.build("first"), await shop.build("second")
    shelf = shop.shelf()
    for index in (first, second):
        await shop.activate(shelf, index.id)
    async with shop.jobs.db.transaction() as session:
        with pytest.raises(IndexInUse):
            await service.remove_index(session, second.id, SOMEBODY)
    back = await activation.open_and_roll_back(shop.jobs.db, shelf, SOMEBODY)
    assert back is not None and back.is_serving and shelf.serving is not None
    assert (back.id, shelf.serving.name, await shop.serving()) == (first.id, "first", ["first"])
    assert await activation.open_and_roll_back(shop.jobs.db, shelf, SOMEBODY) is None
    assert await shop.serving() == []
    assert [shelf.serving, shelf.server.current] == [None, None]
    with pytest.raises(NoWayBack):
        await activation.open_and_roll_back(shop.jobs.db, shelf, SOMEBODY)
    actions = await shop.jobs.sql(
        "SELECT action FROM audit_events WHERE subject_kind = 'index' ORDER BY at DESC LIMIT 4"
    )
    assert actions == ["index.rollback", "index.rollback", "index.activate", "index.activate"]
    async with shop.jobs.db.transaction() as session:
        await service.remove_index(session, second.id, SOMEBODY)
    assert second.storage_prefix in await shop.jobs.sql("SELECT key_or_prefix FROM object_trash")
    await shelf.stop()


async def test_a_damaged_index_is_refused_and_the_old_one_goes_on(shop: Shop) -> None:
    await shop.product(9, seed=1)
    await shop.freeze()
    good, bad = await shop.build("good"), await shop.build("bad")
    shelf = shop.shelf()
    await shop.activate(shelf, good.id)
    key = f"{bad.storage_prefix}index.faiss"
    whole = shop.storage.get(key)
    for damage in (whole[:-1], whole[:100] + b"?" + whole[101:], b""):
        shop.storage.put(key, damage)
        with pytest.raises(IndexDamaged, match=r"index\.faiss"):
            await shop.activate(shelf, bad.id)
    shop.storage.delete_one(key)
    with pytest.raises(IndexDamaged, match="missing"):
        await shop.activate(shelf, bad.id)
    assert await shop.serving() == ["good"]
    query = unit(1, 5)[0]
    assert shelf.serving is not None and shelf.serving.name == "good"
    assert await shop.rank(shelf, query, 1) == shop.best(query, 1)
    shop.storage.put(key, whole)
    await shop.activate(shelf, bad.id)
    assert shelf.serving.name == "bad"
    await shelf.stop()


async def test_a_damaged_copy_is_copied_again(shop: Shop) -> None:
    await shop.product(9, seed=1)
    await shop.freeze()
    index = await shop.build("May")
    folder = shop.home / "indexes"
    for _ in range(2):
        shelf = IndexShelf(shop.jobs.db, shop.storage, folder, 1)
        assert (await shelf.open(index)).index.facts.n_vectors == 9
        await shelf.stop()
        (folder / str(index.id) / "ids.npy").write_bytes(b"")


async def test_another_process_notices_a_swap_by_its_event(shop: Shop) -> None:
    await shop.product(5, seed=1)
    await shop.freeze()
    first, second = await shop.build("first"), await shop.build("second")
    feed, here, there = EventFeed(shop.jobs.db), shop.shelf(), shop.shelf()
    await feed.start()
    there.start(feed)
    for index in (first, second, first):
        await shop.activate(here, index.id)
        async with asyncio.timeout(30):
            while there.serving is None or there.serving.id != index.id:  # noqa: ASYNC110 - it hears of it by itself
                await asyncio.sleep(0.02)
    await there.stop()
    await here.stop()
    await feed.stop()


async def test_a_killed_building_is_done_again_and_a_cancelled_one_can_be_retried(shop: Shop) -> None:
    for seed in range(80):
        await shop.product(200, seed=seed)
    await shop.freeze()
    shop.steps["gather_index"] = gathering.build_gathering(shop.storage)
    index_id = await shop.begin("May", "hnsw")
    [gather_job] = await shop.jobs.sql("SELECT id FROM jobs")
    await shop.runner.run(uuid.UUID(str(gather_job)))
    [job] = [uuid.UUID(str(one)) for one in await shop.jobs.sql("SELECT id FROM jobs WHERE status = 'queued'")]

    running = asyncio.create_task(shop.runner.run(job))
    step = "SELECT coalesce(current_step LIKE 'adding%', false) FROM jobs WHERE id = :id"
    await happens(shop.jobs, step, id=job)
    os.kill(shop.executor.pids[0], signal.SIGKILL)
    await running
    again = await shop.jobs.look(job)
    assert (again.status, again.attempt, again.error_code) == ("queued", 1, "STAGE_CRASHED")
    assert (await shop.look(index_id)).status == "building"

    await shop.jobs.sql("UPDATE jobs SET run_after = NULL WHERE id = :id", id=job)
    running = asyncio.create_task(shop.runner.run(job))
    await happens(shop.jobs, f"SELECT attempt = 2 AND ({step}) FROM jobs WHERE id = :id", id=job)
    os.kill(shop.executor.pids[0], signal.SIGSTOP)  # or it may be done before the runner's next look at the row
    async with shop.jobs.db.transaction() as session:
        await jobs_service.request_cancel(session, shop.jobs.board, job, SOMEBODY)
    await asyncio.sleep(2 * HEARTBEAT_S)
    os.kill(shop.executor.pids[0], signal.SIGCONT)
    async with asyncio.timeout(15):
        await running
    assert (await shop.jobs.look(job)).status == "cancelled"
    assert (await shop.look(index_id)).status == "failed"

    async with shop.jobs.db.transaction() as session:
        await jobs_service.retry_job(session, shop.jobs.board, job, SOMEBODY)
    assert (await shop.look(index_id)).status == "building"
    with pytest.raises(BuybuddyError):
        async with shop.jobs.db.transaction() as session:
            await service.remove_index(session, index_id, SOMEBODY)
    await shop.work()
    index = await shop.look(index_id)
    assert (index.status, index.kind, index.vector_count) == ("ready", "hnsw", 16_000)
    prefix = index.storage_prefix
    assert prefix is not None
    kept = {"index.faiss", "ids.npy", "products.npy", "facts.json"}
    assert set(shop.storage.list_keys(prefix)) == {f"{prefix}{name}" for name in kept}
    trash = await shop.jobs.sql("SELECT key_or_prefix FROM object_trash")
    assert {f"embeddings/{job}/1/", f"embeddings/{job}/2/"} <= set(trash)
    async with shop.jobs.db.transaction() as session:
        assert (await repository.get_encoder(session, index)).id == shop.encoder
