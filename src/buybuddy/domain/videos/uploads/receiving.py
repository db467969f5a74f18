"""What one request adds to an upload is kept in parts, and the parts become a video with the last byte.

One request at a time may add to an upload, for as long as it renews its lease. A part has a name that nobody else
writes to, and counts once the row says so: whoever lost the lease, or died, has changed nothing.
"""

import asyncio
import contextlib
import hashlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass

from buybuddy.domain.videos import service
from buybuddy.domain.videos.rules import HEAD_BYTES
from buybuddy.domain.videos.tables import VideoUpload
from buybuddy.domain.videos.uploads import repository
from buybuddy.domain.videos.uploads.service import IDLE_S, SWEPT_AFTER_S, prefix_of
from buybuddy.errors import Conflict, NotFound, PayloadTooLarge, ResourceLocked, Unavailable, UnreadableMedia
from buybuddy.infra.db import Actor, Database, Session, keep, new_id, throw_away
from buybuddy.infra.storage import ObjectStorage

PART_BYTES = 4 * 1024 * 1024
SMALL_PART_BYTES = 1024 * 1024  # a last part below it is taken up again, so that crumbs do not become objects
MOST_AT_ONCE = 16  # in this process; each holds a part or two in memory
LEASE_S, BEAT_S = 30.0, 10.0

_under_way = asyncio.Semaphore(MOST_AT_ONCE)


@dataclass(frozen=True)
class Piece:
    """What one request sends.

    Args:
        owner: None when it may add to anybody's upload.
        n_declared: how many bytes it says to send; None when it does not say.
    """

    upload_id: uuid.UUID
    owner: uuid.UUID | None
    offset: int
    n_declared: int | None
    actor: Actor


async def append(db: Database, storage: ObjectStorage, piece: Piece, body: AsyncIterator[bytes]) -> VideoUpload:
    """Keep what a request sends, however it ends, and make a video of the whole.

    Raises: NotFound, Conflict for another offset, ResourceLocked, PayloadTooLarge, UnreadableMedia, Unavailable.
    """
    if _under_way.locked():
        raise Unavailable(f"{MOST_AT_ONCE} uploads are being received; go on in a moment.")
    async with _under_way:
        writer = new_id()
        upload = await _take(db, piece, writer)
        if upload.video_id is not None:
            return upload
        beating = asyncio.create_task(_beat(db, upload.id, writer))
        try:
            return await _Receiver(db, storage, upload, writer, piece.actor).receive(body)
        finally:
            beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beating
            with contextlib.suppress(Unavailable):  # the lease lapses by itself
                async with db.transaction() as session:
                    await repository.release_writer(session, upload.id, writer)


async def _take(db: Database, piece: Piece, writer: uuid.UUID) -> VideoUpload:
    async with db.transaction() as session:
        upload = await repository.lock_upload(session, piece.upload_id, piece.owner)
        if upload is None:
            raise NotFound("There is no such upload, or no longer.")
        if not await repository.take_writer(session, upload.id, writer, LEASE_S):
            raise ResourceLocked("Another request is adding to this upload; go on when it has ended.")
        if piece.offset != upload.offset_bytes:
            raise Conflict(f"The upload is at {upload.offset_bytes}.", current_offset=upload.offset_bytes)
        if piece.n_declared is not None and piece.offset + piece.n_declared > upload.size_bytes:
            raise PayloadTooLarge(f"Only {upload.size_bytes - piece.offset} bytes are missing.")
        if upload.rejected_reason is not None:
            raise UnreadableMedia(upload.rejected_reason)
        if upload.video_id is not None:
            await repository.release_writer(session, upload.id, writer)
            return upload
        return await _count(session, upload, writer, upload.offset_bytes, upload.parts)


async def _count(
    session: Session, upload: VideoUpload, writer: uuid.UUID, offset: int, parts: list[str]
) -> VideoUpload:
    """Note what is stored, and that the upload lives on."""
    counted = await repository.advance(session, upload.id, writer, offset=offset, parts=parts, lives_s=IDLE_S)
    if counted is None:
        raise Conflict("The upload was removed, or another request goes on with it.")
    if not await keep(session, prefix_of(upload.id)):
        raise NotFound("The upload's time is over; begin again.")
    throw_away(session, prefix_of(upload.id), after_s=SWEPT_AFTER_S)
    return counted


async def _beat(db: Database, upload_id: uuid.UUID, writer: uuid.UUID) -> None:
    """Renew the lease; one that is lost shows when the next part is counted."""
    while True:
        await asyncio.sleep(BEAT_S)
        with contextlib.suppress(Unavailable):
            async with db.transaction() as session:
                await repository.renew_writer(session, upload_id, writer, LEASE_S)


class _Receiver:
    """Takes in one request's bytes."""

    def __init__(
        self, db: Database, storage: ObjectStorage, upload: VideoUpload, writer: uuid.UUID, actor: Actor
    ) -> None:
        self._db = db
        self._storage = storage
        self._upload = upload
        self._writer = writer
        self._actor = actor
        self._buffer = bytearray()
        self._start = upload.offset_bytes
        self._parts = list(upload.parts)
        self._replaced: str | None = None

    async def receive(self, body: AsyncIterator[bytes]) -> VideoUpload:
        await self._take_up_last_part()
        async for chunk in body:
            if self._start + len(self._buffer) + len(chunk) > self._upload.size_bytes:
                raise PayloadTooLarge(f"The upload has {self._upload.size_bytes} bytes, and more came.")
            self._buffer += chunk
            while len(self._buffer) >= PART_BYTES:
                await self._store(PART_BYTES)
        if self._start + len(self._buffer) > self._upload.offset_bytes:
            await self._store(len(self._buffer))
        return self._upload

    async def _take_up_last_part(self) -> None:
        if not self._parts:
            return
        start = _start_of(self._parts[-1])
        if self._start - start < SMALL_PART_BYTES:
            self._replaced = self._key(self._parts.pop())
            self._buffer += await asyncio.to_thread(self._storage.get, self._replaced)
            self._start = start

    async def _store(self, n_bytes: int) -> None:
        with memoryview(self._buffer) as view:
            data = bytes(view[:n_bytes])
        end, name = self._start + n_bytes, f"{self._start}-{self._writer.hex[:12]}"
        await asyncio.to_thread(self._storage.put, self._key(name), data)
        parts = [*self._parts, name]
        del data
        try:
            if end == self._upload.size_bytes:
                self._upload = await self._finish(parts)
            else:
                async with self._db.transaction() as session:
                    self._upload = await _count(session, self._upload, self._writer, end, parts)
                    if self._replaced is not None:
                        throw_away(session, self._replaced)
        except (Conflict, NotFound):
            async with self._db.transaction() as session:
                throw_away(session, self._key(name))
            raise
        self._parts, self._start, self._replaced = parts, end, None
        del self._buffer[:n_bytes]

    async def _finish(self, parts: list[str]) -> VideoUpload:
        """Make a video of the parts; the last byte counts together with the video, or not at all."""
        head = (await asyncio.to_thread(self._storage.get, self._key(parts[0])))[:HEAD_BYTES]
        try:
            suffix = service.checked_suffix(head, self._upload.filename)
        except UnreadableMedia as error:
            async with self._db.transaction() as session:
                await self._end(session, rejected_reason=error.detail)
            raise
        video_id, key = await service.reserve_key(self._db, suffix)
        starts = [*map(_start_of, parts), self._upload.size_bytes]
        sizes = {self._key(name): starts[n + 1] - starts[n] for n, name in enumerate(parts)}
        joined = _JoinedParts(self._storage, sizes)
        await self._storage.put_stream(key, joined.read())
        if joined.size_bytes != self._upload.size_bytes:
            raise Unavailable("A part of the upload cannot be read.")
        stored = service.StoredVideo(video_id, key, joined.size_bytes, joined.sha256)
        filename, barcode = self._upload.filename, self._upload.barcode
        async with self._db.transaction() as session:
            video = await service.record_video(session, stored, filename=filename, barcode=barcode, actor=self._actor)
            return await self._end(session, video_id=video.id)

    async def _end(
        self, session: Session, *, video_id: uuid.UUID | None = None, rejected_reason: str | None = None
    ) -> VideoUpload:
        ended = await repository.finish(
            session, self._upload.id, self._writer, video_id=video_id, rejected_reason=rejected_reason
        )
        if ended is None:
            raise Conflict("The upload was removed, or another request goes on with it.")
        throw_away(session, prefix_of(ended.id))
        return ended

    def _key(self, name: str) -> str:
        return prefix_of(self._upload.id) + name


def _start_of(name: str) -> int:
    """Return where in the file a part begins, as its name says."""
    return int(name.partition("-")[0])


class _JoinedParts:
    """Objects one behind the other, measured on the way."""

    def __init__(self, storage: ObjectStorage, sizes: dict[str, int]) -> None:
        self._storage = storage
        self._sizes = sizes
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    async def read(self) -> AsyncIterator[bytes]:
        for key, size_bytes in self._sizes.items():
            async for chunk in self._storage.stream(key, 0, size_bytes):
                self._digest.update(chunk)
                self.size_bytes += len(chunk)
                yield chunk
