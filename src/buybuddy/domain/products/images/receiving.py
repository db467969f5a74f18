"""Pictures that people send for a product: stored and looked at one by one, then added in one transaction.

What is stored is thrown away in advance and kept once its row exists: whoever dies in between leaves nothing behind.
"""

import asyncio
import hashlib
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

import structlog

from buybuddy.domain.products import repository, service
from buybuddy.domain.products.images.rules import HEAD_BYTES, LARGEST_IMAGE_BYTES, MOST_FILES, image_suffix
from buybuddy.errors import BuybuddyError, InvalidInput, PayloadTooLarge, StageFailed, Unavailable, UnreadableMedia
from buybuddy.infra.db import Database, new_id, throw_away
from buybuddy.infra.executors import Executor
from buybuddy.infra.storage import ObjectStorage, object_key
from buybuddy.infra.storage.keys import Area
from buybuddy.stages.specs import TakeInImageResult, TakeInImageSpec

HASH_CHUNK_BYTES = 1024 * 1024
PATIENCE_S = 3600.0
LOOK_DEADLINE_S = 120.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class ImageFile:
    """A file as it was sent."""

    filename: str
    content: BinaryIO


@dataclass(frozen=True)
class StoredImage:
    """A picture in its place in storage, before there is a row for it."""

    id: uuid.UUID
    key: str
    size_bytes: int
    facts: TakeInImageResult

    @property
    def prefix(self) -> str:
        """Everything of this picture lies below it."""
        return prefix_of(self.key)


@dataclass(frozen=True)
class Received:
    """What has become of one file so far: stored, refused with a reason, or else its bytes were known already."""

    filename: str
    sha256: str | None
    stored: StoredImage | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Inspected:
    """What a file is, judged by its content."""

    suffix: str
    size_bytes: int
    sha256: str


class PictureStorer:
    """Puts pictures in their places in storage, and has them looked at.

    Args:
        queries: where pictures are looked at while a person waits.
        is_shop_picture: whether a plain background is cut away.
    """

    def __init__(
        self, db: Database, storage: ObjectStorage, queries: Executor, area: Area, *, is_shop_picture: bool = False
    ) -> None:
        self._db, self._storage, self._queries = db, storage, queries
        self._area, self._is_shop_picture = area, is_shop_picture

    async def store(self, file: ImageFile, found: Inspected) -> Received:
        """Store a file that was inspected, and look at it. Raises: Unavailable, StorageFull."""
        image_id = new_id()
        key = object_key(self._area, "uploads", image_id, "picture", suffix=found.suffix)
        async with self._db.transaction() as session:
            throw_away(session, prefix_of(key), after_s=PATIENCE_S)
        try:
            await self._storage.put_stream(key, file.content)
            facts = await self._look_at(key, image_id)
        except BuybuddyError as error:
            async with self._db.transaction() as session:
                throw_away(session, prefix_of(key))
            if not isinstance(error, UnreadableMedia):
                raise
            return Received(file.filename, found.sha256, reason=error.detail)
        return Received(file.filename, found.sha256, StoredImage(image_id, key, found.size_bytes, facts))

    async def _look_at(self, key: str, image_id: uuid.UUID) -> TakeInImageResult:
        spec = TakeInImageSpec(image_key=key, output_prefix=prefix_of(key), is_shop_picture=self._is_shop_picture)
        try:
            async with asyncio.timeout(LOOK_DEADLINE_S):
                result = await self._queries.run(
                    spec, attempt_id=f"image/{image_id}", listener=PictureListener(), cancel=asyncio.Event()
                )
        except TimeoutError as error:
            raise Unavailable("Reading the pictures took too long; send them again.") from error
        if not isinstance(result, TakeInImageResult):
            raise StageFailed("The stage answered with something else.")
        return result


class ImageReceiver:
    """Takes in the files of one request.

    Args:
        queries: where pictures are looked at while a person waits.
        image_type: synthetic or real; of a synthetic one a plain background is cut away.
    """

    def __init__(
        self, db: Database, storage: ObjectStorage, queries: Executor, product_id: uuid.UUID, image_type: str
    ) -> None:
        self._db, self._product_id = db, product_id
        is_synthetic = image_type == "synthetic"
        area: Area = "frames" if is_synthetic else "real-images"
        self._storer = PictureStorer(db, storage, queries, area, is_shop_picture=is_synthetic)

    async def receive(self, files: Sequence[ImageFile]) -> list[Received]:
        """Store what is new and can be read, and say for each file, in their order, what became of it.

        Raises: NotFound for the product, InvalidInput when they are too many, Unavailable.
        """
        if len(files) > MOST_FILES:
            raise InvalidInput(f"At most {MOST_FILES} pictures are taken in one request.")
        inspected: list[Inspected | str] = []
        for file in files:
            try:
                inspected.append(await asyncio.to_thread(inspect, file.content))
            except (UnreadableMedia, PayloadTooLarge) as error:
                inspected.append(error.detail)
        known = await self._find_known([one.sha256 for one in inspected if not isinstance(one, str)])
        received = []
        for file, found in zip(files, inspected, strict=True):
            if isinstance(found, str):
                received.append(Received(file.filename, None, reason=found))
            elif found.sha256 in known:
                received.append(Received(file.filename, found.sha256))
            else:
                one = await self._storer.store(file, found)
                if one.reason is None:
                    known.add(found.sha256)
                received.append(one)
        return received

    async def _find_known(self, hashes: Sequence[str]) -> set[str]:
        async with self._db.transaction() as session:
            await service.get_product(session, self._product_id)
            return set(await repository.images_by_sha256(session, self._product_id, hashes))


def prefix_of(key: str) -> str:
    """Return the folder of a picture's objects, with its slash."""
    return key.rsplit("/", 1)[0] + "/"


def inspect(file: BinaryIO) -> Inspected:
    """Return what a file is, judged by its content. Raises: UnreadableMedia, PayloadTooLarge. Blocking."""
    size = file.seek(0, os.SEEK_END)
    if size == 0:
        raise UnreadableMedia("The file is empty.")
    if size > LARGEST_IMAGE_BYTES:
        raise PayloadTooLarge(f"The picture is larger than {LARGEST_IMAGE_BYTES // 2**20} MiB.")
    file.seek(0)
    suffix = image_suffix(file.read(HEAD_BYTES))
    if suffix is None:
        raise UnreadableMedia("This is not a JPEG, PNG or WebP picture.")
    file.seek(0)
    digest = hashlib.sha256()
    while chunk := file.read(HASH_CHUNK_BYTES):
        digest.update(chunk)
    file.seek(0)
    return Inspected(suffix, size, digest.hexdigest())


class PictureListener:
    """Looking at a picture is over before its progress would be of use; its log lines go to our log."""

    def on_progress(self, fraction: float, step: str) -> None: ...

    def on_log(self, level: str, event: str, fields: dict[str, object]) -> None:
        log.info("image.log", stage_event=event, **fields)
