"""Photos are taken in: the same bytes are one photo, whoever brings them, and what is unread is going to be read.

What is stored is thrown away in advance and kept once its row exists: whoever dies in between leaves nothing behind.
"""

import asyncio
import hashlib
import itertools
import json
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

from buybuddy.domain.jobs import repository as jobs_repository
from buybuddy.domain.photos.imports import repository
from buybuddy.domain.photos.imports.facts import ImportFacts
from buybuddy.domain.photos.imports.files import FoundPhoto, RefusedFile, list_files
from buybuddy.domain.photos.imports.repository import KnownPhoto
from buybuddy.domain.photos.service import tell
from buybuddy.domain.photos.tables import PhotoImport
from buybuddy.errors import Conflict, NotFound, Unavailable
from buybuddy.infra.db import Actor, Database, Session, Subject, keep, new_id, record_audit, throw_away
from buybuddy.infra.storage import ObjectStorage, object_key

TAKEN_AT_ONCE = 64  # files, and as many bytes as TAKEN_BYTES or one file more, are in memory
TAKEN_BYTES = 64 * 1024 * 1024
UPLOAD_PATIENCE_S = 3600.0
SAME_ID = "Its source has another photo with the same id."

FileStatus = Literal["new", "known", "refused"]
# Has photos read, each given by its id and key, in the transaction that takes them in (flow.py).
HaveRead = Callable[[Session, Sequence[tuple[uuid.UUID, str]], Subject], Awaitable[None]]


@dataclass(frozen=True)
class Outcome:
    """What became of a file.

    Args:
        import_id: of the import that brought the photo first.
        reason: why it was refused, or did not get the external id that a known photo was to be given.
    """

    name: str
    status: FileStatus
    photo_id: uuid.UUID | None = None
    import_id: uuid.UUID | None = None
    reason: str | None = None


@dataclass(frozen=True)
class _Stored:
    """A photo in its place in storage, before there is a row for it."""

    id: uuid.UUID
    key: str
    found: FoundPhoto

    @property
    def prefix(self) -> str:
        return f"real-images/{self.id}/"


async def begin_import(
    session: Session, *, label: str, source: str, actor: Actor, import_id: uuid.UUID | None = None
) -> tuple[PhotoImport, bool]:
    """Begin an import, to which files can be added in any number of requests.

    With an id that the client chose, the same one sent again is the one that is there.

    Returns: the import, and whether it is new.
    Raises: Conflict when the id is another import's.
    """
    begun = await repository.add_import(
        session, id=import_id or new_id(), label=label, source=source, created_by=actor.id, created_by_name=actor.name
    )
    if begun is not None:
        record_audit(session, actor, "photo.import", Subject("photo_import", begun.id, label), after={"source": source})
        return begun, True
    found = await get_import(session, import_id) if import_id is not None else None
    if found is None or (found.label, found.source, found.created_by) != (label, source, actor.id):
        raise Conflict("Another import has this id.")
    return found, False


async def get_import(session: Session, import_id: uuid.UUID) -> PhotoImport:
    """Raises: NotFound."""
    found = await repository.find_import(session, import_id)
    if found is None:
        raise NotFound("There is no such import of photos.")
    return found


class PhotoIntake:
    """Takes in the files of one request.

    Args:
        have_read: has those read that nobody has read, or is about to read.
        target: the import that they belong to.
        facts: what the request says of them.
    """

    def __init__(
        self, db: Database, storage: ObjectStorage, have_read: HaveRead, target: PhotoImport, facts: ImportFacts
    ) -> None:
        self._db, self._storage, self._have_read = db, storage, have_read
        self._target, self._facts = target, facts

    async def take(self, files: Sequence[tuple[str, BinaryIO]]) -> list[Outcome]:
        """Take in photos and archives of photos; say for each file, in their order, what became of it.

        What was taken in before an error stays: the same request again goes on from there, and its import counts and
        lists no file twice.

        Raises: Unavailable, StorageFull.
        """
        outcomes: list[Outcome] = []
        found = itertools.chain.from_iterable(list_files(name, file) for name, file in files)
        while chunk := await asyncio.to_thread(_next_chunk, found):
            outcomes += await self._take_chunk(chunk)
        return outcomes

    async def _take_chunk(self, chunk: Sequence[FoundPhoto | RefusedFile]) -> list[Outcome]:
        first_by_hash: dict[str, FoundPhoto] = {}
        for file in chunk:
            if isinstance(file, FoundPhoto):
                first_by_hash.setdefault(file.sha256, file)
        async with self._db.transaction() as session:
            known = await repository.known_by_sha256(session, first_by_hash)
            stored = [_place(found) for sha256, found in first_by_hash.items() if sha256 not in known]
            for one in stored:
                throw_away(session, one.prefix, after_s=UPLOAD_PATIENCE_S)
        for one in stored:
            await asyncio.to_thread(self._storage.put, one.key, one.found.data)
        async with self._db.transaction() as session:
            return await self._record(session, chunk, first_by_hash, stored)

    async def _record(
        self,
        session: Session,
        chunk: Sequence[FoundPhoto | RefusedFile],
        first_by_hash: dict[str, FoundPhoto],
        stored: Sequence[_Stored],
    ) -> list[Outcome]:
        await jobs_repository.lock_slots(session, "embedding_extraction")  # before the photos: see jobs/service.py
        rows = [self._row(one) for one in stored]
        added = {row.sha256: row.id for row in await repository.add_photos(session, rows)} if rows else {}
        for one in stored:
            if added.get(one.found.sha256) != one.id:  # somebody sent the same at the same moment and was first
                throw_away(session, one.prefix)
            elif not await keep(session, one.prefix):
                raise Unavailable("The upload took too long; send it again.")
        known = await repository.known_by_sha256(session, first_by_hash)
        facts = {known[sha256].id: self._facts.of(found.name) for sha256, found in first_by_hash.items()
                 if sha256 in known and sha256 not in added}  # fmt: skip
        changed, without_id = await repository.fill_in(session, facts)
        outcomes = _judge(chunk, known, set(added), without_id)
        if await repository.note_part(session, self._target.id, self._digest(chunk)):  # else the request was sent again
            await self._count(session, outcomes)
        new = [known[one.found.sha256] for one in stored if one.found.sha256 in added]
        await self._have_them_read(session, new, known.values())
        for photo_ids, change in ((list(added.values()), "created"), (changed, "updated")):
            if photo_ids:
                tell(session, photo_ids, change)
        return outcomes

    async def _have_them_read(
        self, session: Session, new: Collection[KnownPhoto], known: Collection[KnownPhoto]
    ) -> None:
        """Have those read that are new, and those that nobody reads any more since their job failed or was cancelled.

        Each is read for the import that brought it: that one says how many of its photos are still unread.
        """
        unread = [photo for photo in known if photo.is_unread and photo not in new]
        being_read = await repository.being_read(session, unread)
        by_import: dict[Subject, list[tuple[uuid.UUID, str]]] = {}
        for photo in [*new, *(photo for photo in unread if photo.id not in being_read)]:
            subject = Subject("photos", photo.import_id or self._target.id, photo.import_label or self._target.label)
            by_import.setdefault(subject, []).append((photo.id, photo.key))
        for subject, photos in by_import.items():
            await self._have_read(session, photos, subject)

    def _row(self, stored: _Stored) -> dict[str, Any]:
        return {
            "id": stored.id,
            "import_id": self._target.id,
            "name": stored.found.name,
            "storage_key": stored.key,
            "sha256": stored.found.sha256,
            "size_bytes": len(stored.found.data),
            "group_id": stored.id,
            "status": "unassigned",
            **self._facts.of(stored.found.name),
        }

    def _digest(self, chunk: Sequence[FoundPhoto | RefusedFile]) -> str:
        """Return the SHA-256 of the names of files, what they are, and what the request says of them."""
        what = [file.sha256 if isinstance(file, FoundPhoto) else file.reason for file in chunk]
        lines = [(file.name, is_what, self._facts.of(file.name)) for file, is_what in zip(chunk, what, strict=True)]
        return hashlib.sha256(json.dumps(lines, default=str).encode()).hexdigest()

    async def _count(self, session: Session, outcomes: Sequence[Outcome]) -> None:
        if problems := [(one.name, one.reason) for one in outcomes if one.reason is not None]:
            await repository.add_problems(session, self._target.id, problems)
        counts = Counter(one.status for one in outcomes)
        await repository.count_in(
            session, self._target.id, n_new=counts["new"], n_known=counts["known"], n_refused=counts["refused"]
        )


def _place(found: FoundPhoto) -> _Stored:
    photo_id = new_id()
    return _Stored(photo_id, object_key("real-images", photo_id, "photo", suffix=found.suffix), found)


def _next_chunk(files: Iterator[FoundPhoto | RefusedFile]) -> list[FoundPhoto | RefusedFile]:
    chunk: list[FoundPhoto | RefusedFile] = []
    n_bytes = 0
    for file in files:
        chunk.append(file)
        n_bytes += len(file.data) if isinstance(file, FoundPhoto) else 0
        if len(chunk) >= TAKEN_AT_ONCE or n_bytes >= TAKEN_BYTES:
            break
    return chunk


def _judge(
    chunk: Sequence[FoundPhoto | RefusedFile],
    known: dict[str, KnownPhoto],
    added: set[str],
    without_id: set[uuid.UUID],
) -> list[Outcome]:
    outcomes = []
    not_yet_told = set(added)
    for file in chunk:
        if isinstance(file, RefusedFile):
            outcomes.append(Outcome(file.name, "refused", reason=file.reason))
        elif file.sha256 not in known:
            outcomes.append(Outcome(file.name, "refused", reason=SAME_ID))
        else:
            status: FileStatus = "new" if file.sha256 in not_yet_told else "known"
            not_yet_told.discard(file.sha256)
            photo = known[file.sha256]
            reason = SAME_ID if photo.id in without_id else None
            outcomes.append(Outcome(file.name, status, photo.id, photo.import_id, reason))
    return outcomes
