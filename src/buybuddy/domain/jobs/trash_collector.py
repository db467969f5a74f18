"""Removes from storage what transactions have thrown away (infra/db/trash.py), beside the jobs and without a pause."""

import asyncio
import contextlib
from collections.abc import Sequence

import structlog

from buybuddy.errors import Unavailable
from buybuddy.infra.db import Database, take_trash, throw_away
from buybuddy.infra.storage import ObjectStorage

INTERVAL_S = 2.0
TRIED_AGAIN_AFTER_S = 60.0

log = structlog.get_logger(__name__)


class TrashCollector:
    """Several workers may each have one: no two take the same notes."""

    def __init__(self, db: Database, storage: ObjectStorage) -> None:
        self._db = db
        self._storage = storage

    async def run(self) -> None:
        """Collect until cancelled."""
        while True:
            with contextlib.suppress(Unavailable):  # the notes are in the database; whoever reads them next goes on
                await self.empty()
            await asyncio.sleep(INTERVAL_S)

    async def empty(self) -> int:
        """Remove everything that is due and return how many notes that were; stop where storage does not answer.

        A note is forgotten when its objects are gone. One that storage keeps is tried again later, behind the others.

        Raises: Unavailable when the database is away.
        """
        n_removed = 0
        while True:
            async with self._db.transaction() as session:
                notes = await take_trash(session)
                kept = await asyncio.to_thread(self._remove, notes)
                for note in kept:
                    throw_away(session, note, after_s=TRIED_AGAIN_AFTER_S)
            n_removed += len(notes) - len(kept)
            if kept:
                log.warning("trash.kept", notes=len(kept), reason=next(iter(kept.values())))
            if kept or not notes:
                return n_removed

    def _remove(self, notes: Sequence[str]) -> dict[str, str]:
        """Return the notes whose objects storage did not remove, each with the reason."""
        folders = [note for note in notes if note.endswith("/")]
        kept = self._storage.delete_many([note for note in notes if not note.endswith("/")])
        for folder in folders:
            try:
                self._storage.delete_prefix(folder)
            except Unavailable as error:
                kept[folder] = error.detail
        return kept
