"""The published indexes that a process has open: copied from storage, checked, mapped, and swapped when another serves.

Each process that answers searches has a shelf. It follows the events of the database, and looks by itself now and then:
whichever process activated an index, all of them soon answer from it. Until a new one is open, the old one answers.
"""

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from weakref import WeakValueDictionary

import structlog
from pydantic import ValidationError

from buybuddy.domain.embeddings import repository
from buybuddy.domain.embeddings.copies import IndexCopies
from buybuddy.domain.embeddings.tables import EmbeddingIndex
from buybuddy.errors import BuybuddyError, Unavailable
from buybuddy.infra.db import Database
from buybuddy.infra.db.event_feed import EventFeed
from buybuddy.infra.storage import ObjectStorage
from buybuddy.infra.vectors import IndexDamaged, IndexFacts
from buybuddy.infra.vectors.published import PublishedIndex
from buybuddy.infra.vectors.server import IndexServer
from buybuddy.stages.specs import EncoderIdentity

LOOK_AGAIN_S = 15.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 15.0, 300.0  # until what could not be opened is tried again; doubled each time
KEPT = 4  # copies, open or not; the serving index and the one before it are always among them
COPIED_AT_ONCE = 2

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Shelved:
    """An index that is open."""

    id: uuid.UUID
    name: str
    index: PublishedIndex

    def is_of(self, encoder: EncoderIdentity) -> bool:
        """Tell whether its vectors can be compared with those of an encoder."""
        origin = self.index.facts.origin
        mine = (origin.encoder_name, origin.encoder_weights_sha256, origin.encoder_preprocessing)
        return mine == (encoder.name, encoder.weights_sha256, encoder.preprocessing)


@dataclass(frozen=True)
class _Failure:
    """An index that could not be opened, why, and when it is tried again.

    Args:
        facts: of what was built; what was built anew is tried at once.
    """

    facts: dict[str, object] | None
    kind: type[BuybuddyError]
    detail: str
    pause_s: float
    until_s: float

    @classmethod
    def of(cls, row: EmbeddingIndex, error: Exception, before: Self | None, now_s: float) -> Self:
        is_again = before is not None and before.facts == row.facts
        pause_s = min(2 * before.pause_s, LONGEST_PAUSE_S) if before is not None and is_again else FIRST_PAUSE_S
        if isinstance(error, BuybuddyError):
            return cls(row.facts, type(error), error.detail, pause_s, now_s + pause_s)
        detail = f"The index could not be opened: {type(error).__name__}."
        return cls(row.facts, Unavailable, detail, pause_s, now_s + pause_s)


class IndexShelf:
    """Opens indexes, and knows the one that serves.

    Args:
        folder: where copies of their files lie; all but KEPT are removed from it, and those of deleted indexes.
        n_threads: how many a search may use.
        clock: in s; never goes back.
    """

    def __init__(
        self,
        db: Database,
        storage: ObjectStorage,
        folder: Path,
        n_threads: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._db, self._copies, self._clock = db, IndexCopies(storage, folder), clock
        self.server = IndexServer(n_threads=n_threads)
        self._serving: Shelved | None = None
        self._way_back: set[uuid.UUID] = set()  # the one that is to serve, and the one before it
        self._open: dict[uuid.UUID, Shelved] = {}  # the one that was asked for last is the last
        self._failures: dict[uuid.UUID, _Failure] = {}
        self._opening: WeakValueDictionary[uuid.UUID, asyncio.Lock] = WeakValueDictionary()
        self._copying, self._following = asyncio.Semaphore(COPIED_AT_ONCE), asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    @property
    def serving(self) -> Shelved | None:
        """The index that answers; None while the living vectors do."""
        return self._serving

    def start(self, events: EventFeed) -> None:
        """Begin to follow which index serves."""
        self._task = asyncio.create_task(self._follow(events), name="index-shelf")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            [ended] = await asyncio.gather(self._task, return_exceptions=True)
            if isinstance(ended, Exception):
                log.error("index.not_followed", exc_info=ended)
        await asyncio.to_thread(self.server.close)

    async def open(self, row: EmbeddingIndex, *, is_urgent: bool = False) -> Shelved:
        """Return an index that was built, open; its files are copied and checked when they are not here yet.

        Args:
            is_urgent: try at once what could not be opened a moment ago; otherwise it is refused until its pause ends.
        Raises: IndexDamaged, Unavailable.
        """
        shelved = self._open.pop(row.id, None)
        if shelved is not None:
            self._open[row.id] = shelved
            return shelved
        lock = self._opening.setdefault(row.id, asyncio.Lock())
        async with lock:
            shelved = self._open.get(row.id) or await self._try_to_open(row, is_urgent=is_urgent)
            self._open[row.id] = shelved
            self._let_go_of_others()
        await self._tidy()
        return shelved

    async def follow_serving(self) -> None:
        """Answer from the index that serves by now, or from none, and forget what was deleted.

        Raises: IndexDamaged, Unavailable; the old one then stays.
        """
        async with self._following:
            known = {*self._open, *self._failures}
            async with self._db.transaction() as session:
                row = await repository.find_serving(session)
                gone = known - await repository.existing(session, known)
            for index_id in gone:
                self._open.pop(index_id, None)
                self._failures.pop(index_id, None)
            self._way_back = {one for one in (row.id, row.previous_id) if one is not None} if row else set()
            await self._tidy()
            if row is None:
                self._swap(None)
            elif self._serving is None or self._serving.id != row.id:
                self._swap(await self.open(row))

    def _swap(self, shelved: Shelved | None) -> None:
        if shelved is self._serving:
            return
        self._serving = shelved
        self.server.swap(shelved.index if shelved is not None else None)
        log.info("index.serves", index=shelved.name if shelved is not None else None)

    async def _follow(self, events: EventFeed) -> None:
        await self._look()
        while True:
            async for batch in events.follow(None, LOOK_AGAIN_S):
                if not batch or any(event.topic == "index" for event in batch):
                    await self._look()
            await asyncio.sleep(1.0)  # the feed was too fast for us, or begins anew

    async def _look(self) -> None:
        try:
            await self.follow_serving()
        except BuybuddyError as error:
            log.error("index.not_opened", code=error.code, detail=error.detail)
        except Exception as error:
            log.error("index.not_opened", exc_info=error)

    async def _try_to_open(self, row: EmbeddingIndex, *, is_urgent: bool) -> Shelved:
        failure = self._failures.get(row.id)
        is_too_early = failure is not None and failure.facts == row.facts and self._clock() < failure.until_s
        if failure is not None and is_too_early and not is_urgent:
            raise failure.kind(failure.detail)
        try:
            if row.storage_prefix is None:
                raise IndexDamaged("The index has no files.")
            facts = _facts_of(row)
            async with self._copying:
                index = await asyncio.to_thread(self._copies.fetch, row.id, row.storage_prefix, facts)
        except Exception as error:
            self._failures[row.id] = _Failure.of(row, error, failure, self._clock())
            raise
        self._failures.pop(row.id, None)
        log.info("index.opened", index=row.name, vectors=facts.n_vectors)
        return Shelved(row.id, row.name, index)

    def _let_go_of_others(self) -> None:
        """Close what was asked for longest ago, until no more than KEPT are left; who searches in one finishes."""
        always_kept = self._always_kept()
        for index_id in [one for one in self._open if one not in always_kept]:
            if len(always_kept | self._open.keys()) <= KEPT:
                return
            del self._open[index_id]

    async def _tidy(self) -> None:
        await asyncio.to_thread(self._copies.tidy, {*self._open, *self._opening.keys(), *self._always_kept()})

    def _always_kept(self) -> set[uuid.UUID]:
        return {*self._way_back, self._serving.id} if self._serving is not None else self._way_back


def _facts_of(row: EmbeddingIndex) -> IndexFacts:
    """Raises: IndexDamaged."""
    try:
        return IndexFacts.model_validate(row.facts)
    except ValidationError as error:
        raise IndexDamaged("What is written of the index cannot be read; build it anew.") from error
