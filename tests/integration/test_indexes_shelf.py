"""The indexes that a process has open: what stays on disk, who waits for whom, and what a fault leaves going."""

import asyncio
import os
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path

import pytest

from buybuddy.domain.embeddings import activation, service
from buybuddy.domain.embeddings.copies import GIVEN_UP_AFTER_S, HALF_COPIED
from buybuddy.domain.embeddings.shelf import FIRST_PAUSE_S, KEPT, LONGEST_PAUSE_S, IndexShelf
from buybuddy.domain.embeddings.tables import EmbeddingIndex
from buybuddy.errors import Unavailable
from buybuddy.infra.db.event_feed import Event, EventFeed, Listener
from buybuddy.infra.storage import ObjectStorage
from buybuddy.infra.vectors import IndexDamaged
from tests.integration.conftest import SOMEBODY, Jobs
from tests.integration.index_shop import Shop, open_shop


class FaultyStorage(ObjectStorage):
    """Storage whose downloads fail, or wait, for the keys that are named."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.fault: Exception | None = None
        self.faulty_prefix, self.slow_prefix = "none", "none"
        self.n_asked = 0
        self.is_waiting, self.may_go_on = threading.Event(), threading.Event()

    def download(self, key: str, to: Path) -> Path:
        self.n_asked += 1
        if self.fault is not None and key.startswith(self.faulty_prefix):
            raise self.fault
        if key.startswith(self.slow_prefix):
            self.is_waiting.set()
            assert self.may_go_on.wait(20)
        return super().download(key, to)


class Clock:
    """A clock that stands still until it is moved on."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
async def shop(jobs: Jobs, tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(jobs, tmp_path) as shop:
        await shop.product(5, seed=1)
        await shop.freeze()
        yield shop


async def serves(shelf: IndexShelf, index: EmbeddingIndex) -> None:
    """Wait until a shelf answers from an index."""
    async with asyncio.timeout(20):
        while shelf.serving is None or shelf.serving.id != index.id:  # noqa: ASYNC110 - it hears of it by itself
            await asyncio.sleep(0.02)


def copies(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir()} if folder.is_dir() else set()


async def test_copies_of_the_serving_index_the_one_before_and_the_last_that_were_asked_for_are_kept(shop: Shop) -> None:
    built = [await shop.build(str(number)) for number in range(KEPT + 3)]
    folder = shop.home / "indexes"
    shelf = IndexShelf(shop.jobs.db, shop.storage, folder, 1)
    for index in built[:2]:
        await shop.activate(shelf, index.id)
    before, serving = await shelf.open(built[0]), shelf.serving
    for index in built[2:]:
        await shelf.open(index)
        assert len(copies(folder)) <= KEPT
    assert copies(folder) == {str(index.id) for index in (*built[:2], *built[-KEPT + 2 :])}
    assert await shelf.open(built[0]) is before  # still open, as the serving one is
    assert await shelf.open(built[1]) is serving
    back = await activation.open_and_roll_back(shop.jobs.db, shelf, SOMEBODY)
    assert back is not None and back.id == built[0].id
    await shelf.stop()


async def test_a_copy_goes_with_its_index(shop: Shop) -> None:
    serving, other = await shop.build("serving"), await shop.build("other")
    folder = shop.home / "indexes"
    shelf, feed = IndexShelf(shop.jobs.db, shop.storage, folder, 1), EventFeed(shop.jobs.db)
    await feed.start()
    shelf.start(feed)
    await shop.activate(shelf, serving.id)
    await shelf.open(other)
    assert copies(folder) == {str(serving.id), str(other.id)}
    async with shop.jobs.db.transaction() as session:
        await service.remove_index(session, other.id, SOMEBODY)
    async with asyncio.timeout(20):
        while copies(folder) != {str(serving.id)}:  # noqa: ASYNC110 - it hears of it by itself
            await asyncio.sleep(0.02)
    await shelf.stop()
    await feed.stop()


async def test_what_a_killed_process_has_copied_by_halves_is_removed(shop: Shop) -> None:
    index = await shop.build("May")
    folder = shop.home / "indexes"
    old, young = folder / f"{HALF_COPIED}old", folder / f"{HALF_COPIED}young"
    long_ago_s = time.time() - GIVEN_UP_AFTER_S - 60
    for half in (old, young):
        half.mkdir(parents=True)
        (half / "index.faiss").write_bytes(b"half")
        os.utime(half, (long_ago_s, long_ago_s))
    os.utime(old / "index.faiss", (long_ago_s, long_ago_s))  # the other one is still being written
    shelf = IndexShelf(shop.jobs.db, shop.storage, folder, 1)
    await shelf.open(index)
    assert copies(folder) == {young.name, str(index.id)}
    await shelf.stop()


async def test_an_open_index_is_given_out_while_another_is_copied(shop: Shop) -> None:
    first, second, third = await shop.build("first"), await shop.build("second"), await shop.build("third")
    storage = FaultyStorage(shop.storage.url)
    shelf = IndexShelf(shop.jobs.db, storage, shop.home / "indexes", 1)
    await shelf.open(first)
    storage.slow_prefix = str(second.storage_prefix)
    opening = [asyncio.create_task(shelf.open(second)) for _ in range(3)]
    assert await asyncio.to_thread(storage.is_waiting.wait, 20)
    async with asyncio.timeout(20):
        assert (await shelf.open(first)).id == first.id
        assert (await shelf.open(third)).id == third.id
    assert not any(task.done() for task in opening)
    n_asked = storage.n_asked
    storage.may_go_on.set()
    a, b, c = await asyncio.gather(*opening)
    assert a is b is c
    assert storage.n_asked == n_asked + 2  # of three files, the first was being asked for
    await shelf.stop()


async def test_what_cannot_be_opened_is_tried_again_after_growing_pauses(shop: Shop) -> None:
    index = await shop.build("May")
    storage, clock = FaultyStorage(shop.storage.url), Clock()
    shelf = IndexShelf(shop.jobs.db, storage, shop.home / "indexes", 1, clock)
    storage.fault, storage.faulty_prefix = Unavailable("away"), str(index.storage_prefix)
    pause_s = FIRST_PAUSE_S
    for n_tried in range(1, 8):
        for waited_s in (0.0, pause_s - 1):
            clock.now_s += waited_s
            with pytest.raises(Unavailable, match="away"):
                await shelf.open(index)
            assert storage.n_asked == n_tried
        clock.now_s += 1
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
    with pytest.raises(Unavailable, match="away"):  # who activates it asks at once
        await shelf.open(index)
    with pytest.raises(Unavailable, match="away"):
        await shelf.open(index, is_urgent=True)
    assert storage.n_asked == 9
    storage.fault = None
    assert (await shelf.open(index, is_urgent=True)).id == index.id
    await shelf.stop()


async def test_a_damaged_index_that_serves_is_not_copied_at_each_event(shop: Shop) -> None:
    index = await shop.build("May")
    here = shop.shelf()
    await shop.activate(here, index.id)
    shop.storage.put(f"{index.storage_prefix}ids.npy", b"")
    storage = FaultyStorage(shop.storage.url)
    there = IndexShelf(shop.jobs.db, storage, shop.home / "indexes", 1, Clock())
    for _ in range(3):
        with pytest.raises(IndexDamaged, match=r"ids\.npy"):
            await there.follow_serving()
    assert storage.n_asked == 3  # files
    for shelf in (here, there):
        await shelf.stop()


@pytest.mark.parametrize("fault", [MemoryError(), OSError(5, "Input/output error"), RuntimeError("unforeseen")])
async def test_one_goes_on_following_after_any_fault(shop: Shop, fault: Exception) -> None:
    first, second = await shop.build("first"), await shop.build("second")
    storage = FaultyStorage(shop.storage.url)
    storage.fault, storage.faulty_prefix = fault, str(first.storage_prefix)
    feed, here = EventFeed(shop.jobs.db), shop.shelf()
    there = IndexShelf(shop.jobs.db, storage, shop.home / "indexes", 1)
    await feed.start()
    there.start(feed)
    await shop.activate(here, first.id)
    async with asyncio.timeout(20):
        while storage.n_asked == 0:  # noqa: ASYNC110 - it hears of it by itself
            await asyncio.sleep(0.02)
    await shop.activate(here, second.id)
    await serves(there, second)
    for shelf in (here, there):
        await shelf.stop()
    await feed.stop()


async def test_facts_that_cannot_be_read_are_damage_and_no_end_of_following(shop: Shop) -> None:
    feed, here, there = EventFeed(shop.jobs.db), shop.shelf(), shop.shelf()
    await feed.start()
    first, second = await shop.build("first"), await shop.build("second")
    await shop.activate(here, first.id)
    await shop.jobs.sql("UPDATE embedding_indexes SET facts = '{}' WHERE id = :id", id=first.id)
    with pytest.raises(IndexDamaged, match="build it anew"):
        await there.follow_serving()
    there.start(feed)
    await shop.activate(here, second.id)
    await serves(there, second)
    for shelf in (here, there):
        await shelf.stop()
    await feed.stop()


async def test_a_process_stops_also_when_nothing_was_followed_any_more(shop: Shop) -> None:
    class BrokenFeed(EventFeed):
        async def follow(
            self, after_id: int | None, silence_s: float, listener: Listener | None = None
        ) -> AsyncGenerator[Sequence[Event], None]:
            asked.set()
            if silence_s > 0:
                raise RuntimeError("unforeseen")
            yield ()

    asked = asyncio.Event()
    shelf = shop.shelf()
    shelf.start(BrokenFeed(shop.jobs.db))
    await asked.wait()
    await shelf.stop()
