"""Put, get, list and delete objects."""

import errno
import hashlib
import re
import shutil
import uuid
from collections import deque
from collections.abc import AsyncIterator, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

import obstore
from obstore.exceptions import BaseError
from obstore.exceptions import NotFoundError as ObjectMissing
from obstore.store import LocalStore, ObjectStore, from_url
from prometheus_client import Counter

from buybuddy.errors import NotFound, StorageFull, Unavailable
from buybuddy.infra.storage.keys import checked_key

READ_CHUNK_BYTES = 1024 * 1024
READ_AT_ONCE = 16
WRITE_AT_ONCE = 4  # parts of 5 MB that one file may have in memory

# What obstore says of a full disk or quota of its own machine, and S3 servers of theirs (MinIO: XMinioStorageFull).
_SAYS_FULL = re.compile(rf"os error (?:{errno.ENOSPC}|{errno.EDQUOT})\b|StorageFull")

ERRORS = Counter("buybuddy_storage_errors_total", "Calls that storage did not do or answer", ["call"])


class StoredObject(NamedTuple):
    """An object in storage, with what is needed to verify it later."""

    key: str
    size_bytes: int
    sha256: str


@contextmanager
def _asking(call: str, key: str) -> Iterator[None]:
    """Turn what storage and disk raise into errors of ours. Raises: NotFound, Unavailable, StorageFull."""
    try:
        yield
    except (ObjectMissing, FileNotFoundError):
        raise NotFound(f"There is no object {key} in storage.") from None
    except (BaseError, OSError) as error:
        ERRORS.labels(call).inc()
        if is_full(error):
            raise StorageFull(f"There is no room left to {call} {key}; free some, then try again.") from error
        raise Unavailable(f"Storage did not {call} {key}: {error}") from error


def is_full(error: BaseException) -> bool:
    """Tell whether a call failed for want of room: of the disk, of a quota, or of a remote storage."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return isinstance(error, BaseError) and _SAYS_FULL.search(str(error)) is not None


class ObjectStorage:
    """Objects by key; keys are checked on the way in, so no caller can leave the root.

    Args:
        url: `file:///absolute/folder`, or what obstore takes for S3 and its like (s3://bucket/prefix).
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._store: ObjectStore
        if url.startswith("file://"):
            self.local_root: Path | None = Path(url.removeprefix("file://"))
            self._store = LocalStore(prefix=self.local_root, mkdir=True, automatic_cleanup=True)
        else:
            self.local_root = None
            self._store = from_url(url)

    def put(self, key: str, data: bytes) -> StoredObject:
        """Store the bytes; on local disk through a temporary file and a rename. Raises: Unavailable, StorageFull."""
        with _asking("store", key):
            obstore.put(self._store, checked_key(key), data)
        return StoredObject(key, len(data), hashlib.sha256(data).hexdigest())

    def put_file(self, key: str, path: Path) -> StoredObject:
        """Store a file of any size, in parts. Raises: Unavailable, StorageFull."""
        digest, size_bytes = hashlib.sha256(), 0
        with path.open("rb") as file:
            while chunk := file.read(READ_CHUNK_BYTES):
                digest.update(chunk)
                size_bytes += len(chunk)
        with _asking("store", key):
            obstore.put(self._store, checked_key(key), path, max_concurrency=WRITE_AT_ONCE)
        return StoredObject(key, size_bytes, digest.hexdigest())

    async def put_stream(self, key: str, file: BinaryIO | AsyncIterator[bytes]) -> None:
        """Store a file of any size, in parts. Raises: Unavailable, StorageFull."""
        with _asking("store", key):
            await obstore.put_async(self._store, checked_key(key), file, max_concurrency=WRITE_AT_ONCE)

    def get(self, key: str) -> bytes:
        """Raises: NotFound, Unavailable."""
        with _asking("give", key):
            return bytes(obstore.get(self._store, checked_key(key)).bytes())

    def read_small(self, key: str, at_most_bytes: int) -> bytes | int:
        """Return an object whole, or only its size when it is larger than that. Raises: NotFound, Unavailable."""
        with _asking("give", key):
            if self.local_root is not None:  # a tenth of what the general way costs, and archives read thousands
                with open(f"{self.local_root}/{checked_key(key)}", "rb", buffering=0) as file:  # noqa: PTH123 - as said
                    data = file.read(at_most_bytes + 1)
                    return data if len(data) <= at_most_bytes else file.seek(0, 2)
            found = obstore.get(self._store, checked_key(key))
            size = int(found.meta["size"])
            return bytes(found.bytes()) if size <= at_most_bytes else size

    def read_many(
        self, keys: Sequence[str], at_most_bytes: int
    ) -> Generator[bytes | int | NotFound | Unavailable, None, None]:
        """Yield for each key what read_small returns or raises, in order; from a remote storage many at once."""

        def read(key: str) -> bytes | int | NotFound | Unavailable:
            try:
                return self.read_small(key, at_most_bytes)
            except (NotFound, Unavailable) as error:
                return error

        if self.local_root is not None:
            yield from map(read, keys)
            return
        pool = ThreadPoolExecutor(READ_AT_ONCE, thread_name_prefix="storage-read")
        try:
            under_way: deque[Future[bytes | int | NotFound | Unavailable]] = deque()
            for key in keys:
                under_way.append(pool.submit(read, key))
                if len(under_way) >= READ_AT_ONCE:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def read_parts(self, key: str) -> Iterator[bytes]:
        """Yield an object of any size in parts. Raises: NotFound, Unavailable."""
        with _asking("give", key):
            for part in obstore.get(self._store, checked_key(key)).stream(min_chunk_size=READ_CHUNK_BYTES):
                yield bytes(part)

    def download(self, key: str, to: Path) -> Path:
        """Return a local file with the object: the object itself on local disk, else a copy at `to`.

        Raises: NotFound, Unavailable.
        """
        if self.local_root is not None:
            path = self.local_root / checked_key(key)
            if not path.is_file():
                raise NotFound(f"There is no object {key} in storage.")
            return path
        with _asking("give", key), to.open("wb") as file:
            for chunk in obstore.get(self._store, checked_key(key)).stream(min_chunk_size=READ_CHUNK_BYTES):
                file.write(chunk)
        return to

    def size_bytes(self, key: str) -> int:
        """Raises: NotFound, Unavailable."""
        with _asking("tell the size of", key):
            return int(obstore.head(self._store, checked_key(key))["size"])

    async def stream(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield the bytes [start, end) in chunks. Raises: NotFound, Unavailable."""
        with _asking("give", key):
            response = await obstore.get_async(self._store, checked_key(key), options={"range": (start, end)})
            async for chunk in response.stream(min_chunk_size=READ_CHUNK_BYTES):
                yield bytes(chunk)

    def check_writable(self) -> None:
        """Write and remove a small object. Raises: Unavailable, StorageFull."""
        key = f"exports/checks/{uuid.uuid4()}"
        self.put(key, b"ok")
        self.delete_one(key)

    def list_keys(self, prefix: str) -> list[str]:
        """Return every key below a prefix that ends in a slash. Raises: Unavailable."""
        with _asking("list", prefix):
            return [entry["path"] for page in obstore.list(self._store, prefix.rstrip("/")) for entry in page]

    def delete_one(self, key: str) -> None:
        """Delete an object; one already gone is no error. Raises: Unavailable."""
        with suppress(NotFound), _asking("delete", key):
            obstore.delete(self._store, checked_key(key))

    def delete_many(self, keys: Sequence[str]) -> dict[str, str]:
        """Delete objects, a remote storage's many in a request; return those that stay, each with its reason."""
        if self.local_root is None:
            try:
                with _asking("delete", f"{len(keys)} objects"):
                    obstore.delete(self._store, [checked_key(key) for key in keys])
                return {}
            except Unavailable as error:
                return dict.fromkeys(keys, error.detail)
            except NotFound:
                pass  # some storages refuse the rest when one is gone already
        kept = {}
        for key in keys:
            try:
                self.delete_one(key)
            except Unavailable as error:
                kept[key] = error.detail
        return kept

    def delete_prefix(self, prefix: str) -> int:
        """Delete everything below a prefix and return how many objects that were. Raises: Unavailable."""
        keys = self.list_keys(prefix)
        if kept := self.delete_many(keys):
            raise Unavailable(next(iter(kept.values())))
        if self.local_root is not None:  # and what a killed writer left half written, which is no object and not listed
            shutil.rmtree(self.local_root / checked_key(prefix.rstrip("/")), ignore_errors=True)
        return len(keys)
