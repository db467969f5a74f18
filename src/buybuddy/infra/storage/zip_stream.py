"""ZIP archives of stored objects, made while they are sent: what is held is one chunk, never the archive.

Python's own zipfile writes them (docs/decisions/0015-streamed-exports.md): stored, not deflated, because pictures do
not shrink; sizes and checksums behind each entry, because nothing can be rewritten that has been sent.
"""

import asyncio
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from buybuddy.errors import NotFound, Unavailable
from buybuddy.infra.storage.objects import ObjectStorage

MISSING_NAME = "MISSING.txt"
FIRST_CHUNK_BYTES = 32 * 1024  # soon, so that the download shows itself
CHUNK_BYTES = 512 * 1024
WHOLE_UP_TO_BYTES = 1024 * 1024
BATCH = 128
HELD_BYTES = 4 * 1024 * 1024  # of entries that carry their data
MISSING_LISTED = 10_000


@dataclass(frozen=True)
class ZipEntry:
    """A file of the archive: an object of storage by its key, or the data itself."""

    name: str
    key: str | None = None
    data: bytes | None = None


async def stream_zip(storage: ObjectStorage, entries: AsyncGenerator[ZipEntry, None]) -> AsyncGenerator[bytes, None]:
    """Yield a ZIP archive in chunks; what storage does not have or give is left out and listed in MISSING.txt.

    Everything ends when the caller closes the iterator (contextlib.aclosing).

    Args:
        entries: an async generator, closed at the end; names are unique and made by us; read as the archive is taken.
    Raises: Unavailable when storage fails in the middle of a large object; the archive is then cut off.
    """
    async with aclosing(one_ahead(_chunks(storage, entries))) as chunks:
        async for chunk in chunks:
            yield chunk


async def one_ahead(made: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Yield the same chunks, each made by a task of its own while the one before is sent.

    A generator that runs in its own task also ends in peace when whoever listens is cancelled again and again.
    """
    chunks: asyncio.Queue[bytes | None] = asyncio.Queue(maxsize=1)

    async def produce() -> None:
        async with aclosing(made):
            async for chunk in made:
                await chunks.put(chunk)
        await chunks.put(None)

    producer = asyncio.create_task(produce())
    try:
        while (chunk := await _next_chunk(chunks, producer)) is not None:
            yield chunk
    finally:
        producer.cancel()
        await asyncio.gather(producer, return_exceptions=True)


async def _next_chunk(chunks: asyncio.Queue[bytes | None], producer: asyncio.Task[None]) -> bytes | None:
    """Return the next chunk, None after the last. Raises: what the producer raised."""
    getter = asyncio.ensure_future(chunks.get())
    try:
        await asyncio.wait((getter, producer), return_when=asyncio.FIRST_COMPLETED)
        if getter.done():
            return getter.result()
        producer.result()
        return await getter  # it ended well, so its last word is in the queue
    finally:
        getter.cancel()


async def _chunks(storage: ObjectStorage, entries: AsyncGenerator[ZipEntry, None]) -> AsyncGenerator[bytes, None]:
    archive = _Archive(storage)
    try:
        async with aclosing(entries), aclosing(_batches(entries)) as batches:
            async for batch in batches:
                async for chunk in _stepped(archive.add(batch)):
                    yield chunk
        async for chunk in _stepped(archive.end()):
            yield chunk
    finally:
        archive.is_abandoned = True  # a thread that is at work stops before the next object


async def _batches(entries: AsyncGenerator[ZipEntry, None]) -> AsyncGenerator[list[ZipEntry], None]:
    batch: list[ZipEntry] = []
    held_bytes, is_first = 0, True
    async for entry in entries:
        batch.append(entry)
        held_bytes += len(entry.data or b"")
        if len(batch) >= BATCH or held_bytes >= HELD_BYTES or is_first:  # the first goes out at once
            yield batch
            batch, held_bytes, is_first = [], 0, False
    if batch:
        yield batch


async def _stepped(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Yield what a blocking iterator yields, each step in a thread."""
    while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
        yield chunk


class _Sink:
    """What zipfile writes to: it can only go forward, so zipfile never tries to come back."""

    def __init__(self) -> None:
        self.n_bytes = 0
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(data)
        self.n_bytes += len(data)
        return len(data)

    def close(self) -> None:
        """There is nothing to close."""

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        taken, self._parts, self.n_bytes = b"".join(self._parts), [], 0
        return taken


class _Archive:
    """The blocking side: one thread at a time works on it."""

    def __init__(self, storage: ObjectStorage) -> None:
        self.is_abandoned = False
        self._storage = storage
        self._sink = _Sink()
        self._zip = zipfile.ZipFile(self._sink, "w", zipfile.ZIP_STORED)
        self._flush_at = FIRST_CHUNK_BYTES
        self._missing: list[str] = []
        self._n_missing = 0

    def add(self, entries: Sequence[ZipEntry]) -> Iterator[bytes]:
        """Write entries and yield full chunks. Raises: Unavailable."""
        keys = [entry.key for entry in entries if entry.key is not None]
        objects = self._storage.read_many(keys, WHOLE_UP_TO_BYTES)
        try:
            for entry in entries:
                if self.is_abandoned:
                    return
                content = (entry.data or b"") if entry.key is None else next(objects)
                if isinstance(content, bytes):
                    self._zip.writestr(zipfile.ZipInfo(entry.name), content)
                elif isinstance(content, int):
                    yield from self._add_large(entry.name, entry.key or "", content)
                else:
                    self._note_missing(entry.name, content)
                yield from self._full_chunk()
        finally:
            objects.close()

    def _add_large(self, name: str, key: str, size_bytes: int) -> Iterator[bytes]:
        info = zipfile.ZipInfo(name)
        info.file_size = size_bytes  # tells whether it needs the 64-bit fields
        with self._zip.open(info, "w") as file:
            for part in self._storage.read_parts(key):
                if self.is_abandoned:
                    return
                file.write(part)
                yield from self._full_chunk()

    def _note_missing(self, name: str, error: NotFound | Unavailable) -> None:
        self._n_missing += 1
        if len(self._missing) < MISSING_LISTED:
            reason = "is not in storage" if isinstance(error, NotFound) else "could not be read"
            self._missing.append(f"{name}: {reason}")

    def _full_chunk(self) -> Iterator[bytes]:
        if self._sink.n_bytes >= self._flush_at:
            self._flush_at = CHUNK_BYTES
            yield self._sink.take()

    def end(self) -> Iterator[bytes]:
        """Write what is missing and the archive's directory."""
        if self._missing:
            more = self._n_missing - len(self._missing)
            lines = [*self._missing, *([f"... and {more} more"] if more else [])]
            self._zip.writestr(zipfile.ZipInfo(MISSING_NAME), "\n".join(lines) + "\n")
        self._zip.close()
        yield self._sink.take()
