"""The published indexes that a process has open: copied from storage, checked, mapped, and swapped when another serves.

Each process that answers searches has a shelf. It follows the events of the database, and looks by itself now and then:
whichever process activated an index, all of them soon answer from it. Until a new one is open, the old one answers.
"""

import asyncio
import contextlib
import shutil
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path

import structlog

from buybuddy.domain.embeddings import repository
from buybuddy.domain.embeddings.tables import EmbeddingIndex
from buybuddy.errors import BuybuddyError, NotFound, StorageFull, Unavailable
from buybuddy.infra.db import Database
from buybuddy.infra.db.event_feed import EventFeed
from buybuddy.infra.storage import ObjectStorage, is_full
from buybuddy.infra.vectors import IndexDamaged, IndexFacts
from buybuddy.infra.vectors.facts import FILE_NAMES
from buybuddy.infra.vectors.published import PublishedIndex
from buybuddy.infra.vectors.server import IndexServer
from buybuddy.stages.specs import EncoderIdentity

LOOK_AGAIN_S = 15.0
KEPT_OPEN = 4  # among them the serving one, and the one before it
HALF_COPIED = ".copying-"

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


class IndexShelf:
    """Opens indexes, and knows the one that serves.

    Args:
        folder: where copies of their files lie; what is not needed any more is removed from it.
        n_threads: how many a search may use.
    """

    def __init__(self, db: Database, storage: ObjectStorage, folder: Path, n_threads: int) -> None:
        self._db, self._storage, self._folder = db, storage, folder
        self.server = IndexServer(n_threads=n_threads)
        self._serving: Shelved | None = None
        self._open: dict[uuid.UUID, Shelved] = {}
        self._opening, self._following = asyncio.Lock(), asyncio.Lock()
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
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await asyncio.to_thread(self.server.close)

    async def open(self, row: EmbeddingIndex) -> Shelved:
        """Return an index that was built, open; its files are copied and checked when they are not here yet.

        Raises: IndexDamaged, Unavailable.
        """
        async with self._opening:
            shelved = self._open.pop(row.id, None)
            if shelved is None:
                if row.storage_prefix is None or row.facts is None:
                    raise IndexDamaged("The index has no files.")
                facts = IndexFacts.model_validate(row.facts)
                index = await asyncio.to_thread(self._fetch, row.id, row.storage_prefix, facts)
                shelved = Shelved(row.id, row.name, index)
                log.info("index.opened", index=row.name, vectors=facts.n_vectors)
            self._open[row.id] = shelved  # the newest last
            while len(self._open) > KEPT_OPEN:
                del self._open[next(iter(self._open))]
            return shelved

    async def follow_serving(self) -> None:
        """Answer from the index that serves by now, or from none.

        Raises: IndexDamaged, Unavailable; the old one then stays.
        """
        async with self._following:
            async with self._db.transaction() as session:
                row = await repository.find_serving(session)
            if row is None:
                self._swap(None)
            elif self._serving is None or self._serving.id != row.id:
                self._swap(await self.open(row))
                needed = {row.id, row.previous_id, *self._open}
                await asyncio.to_thread(self._tidy, {str(one) for one in needed})

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

    def _fetch(self, index_id: uuid.UUID, prefix: str, facts: IndexFacts) -> PublishedIndex:
        """Blocking. Raises: IndexDamaged, Unavailable."""
        copy = self._folder / str(index_id)
        if copy.is_dir():
            try:
                return PublishedIndex.open(copy, str(index_id), facts)
            except IndexDamaged as damage:
                log.warning("index.copied_again", index=str(index_id), detail=damage.detail)
                shutil.rmtree(copy, ignore_errors=True)
        half: Path | None = None
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            half = Path(tempfile.mkdtemp(prefix=HALF_COPIED, dir=self._folder))
            for name in FILE_NAMES:
                found = self._storage.download(f"{prefix}{name}", half / name)
                if found != half / name:
                    shutil.copyfile(found, half / name)
            index = PublishedIndex.open(half, str(index_id), facts)
            with contextlib.suppress(OSError):  # another process was faster; what is open here stays as it is
                half.rename(copy)
            return index
        except NotFound as error:
            raise IndexDamaged(f"A file of the index is missing: {error.detail} Build it anew.") from error
        except OSError as error:
            kind = StorageFull if is_full(error) else Unavailable
            raise kind(f"The index could not be copied to this machine: {error.strerror}.") from error
        finally:
            if half is not None:
                shutil.rmtree(half, ignore_errors=True)

    def _tidy(self, needed: set[str]) -> None:
        """Remove copies that nobody needs; who has one open goes on with it. Blocking."""
        for folder in self._folder.iterdir():
            if folder.name not in needed and not folder.name.startswith(HALF_COPIED):
                shutil.rmtree(folder, ignore_errors=True)
