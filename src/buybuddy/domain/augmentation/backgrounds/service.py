"""Use cases of backgrounds."""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from buybuddy.domain.augmentation.backgrounds import repository
from buybuddy.domain.augmentation.tables import Background
from buybuddy.domain.products.images.receiving import (
    ImageFile,
    PictureStorer,
    Received,
    StoredImage,
    inspect,
    prefix_of,
)
from buybuddy.domain.products.images.rules import MOST_FILES
from buybuddy.errors import InvalidInput, NotFound, PayloadTooLarge, Unavailable, UnreadableMedia
from buybuddy.infra.db import Actor, Database, Session, Subject, emit, keep, record_audit, throw_away
from buybuddy.infra.executors import Executor
from buybuddy.infra.storage import ObjectStorage

LEAST_SIDE_PX = 128
TOO_SMALL = f"A background is at least {LEAST_SIDE_PX} pixels wide and high."


@dataclass(frozen=True)
class Sent:
    """What became of one file: a background, new or known before, or a reason why not."""

    filename: str
    background: Background | None
    is_new: bool = False
    reason: str | None = None


async def add_backgrounds(
    db: Database, storage: ObjectStorage, queries: Executor, files: Sequence[ImageFile], actor: Actor
) -> list[Sent]:
    """Add pictures to the library, each in a transaction of its own; the same bytes are one background.

    Raises: InvalidInput when they are too many, Unavailable.
    """
    if len(files) > MOST_FILES:
        raise InvalidInput(f"At most {MOST_FILES} pictures are taken in one request.")
    storer = PictureStorer(db, storage, queries, "augmented-images")
    sent = []
    for file in files:
        try:
            found = await asyncio.to_thread(inspect, file.content)
        except (UnreadableMedia, PayloadTooLarge) as error:
            sent.append(Sent(file.filename, None, reason=error.detail))
            continue
        async with db.transaction() as session:
            known = (await repository.by_sha256(session, [found.sha256])).get(found.sha256)
        if known is not None:
            sent.append(Sent(file.filename, known))
            continue
        received = await storer.store(file, found)
        async with db.transaction() as session:
            sent.append(await _keep(session, received, actor))
    return sent


async def _keep(session: Session, received: Received, actor: Actor) -> Sent:
    stored = received.stored
    if stored is None:
        return Sent(received.filename, None, reason=received.reason)
    if min(stored.facts.width_px, stored.facts.height_px) < LEAST_SIDE_PX:
        throw_away(session, stored.prefix)
        return Sent(received.filename, None, reason=TOO_SMALL)
    background = await repository.add_background(session, _row(stored, received))
    if background is None:  # somebody sent the same at the same moment, and was first
        throw_away(session, stored.prefix)
        return Sent(received.filename, (await repository.by_sha256(session, [received.sha256 or ""])).popitem()[1])
    if not await keep(session, stored.prefix):
        raise Unavailable("Storing the picture took too long; send it again.")
    record_audit(session, actor, "background.add", _subject(background))
    emit(session, "augmentation", {"id": str(background.id), "change": "created"})
    return Sent(received.filename, background, is_new=True)


def _row(stored: StoredImage, received: Received) -> dict[str, object]:
    return {
        "id": stored.id,
        "name": received.filename,
        "storage_key": stored.key,
        "thumbnail_key": stored.facts.thumbnail_key,
        "width_px": stored.facts.width_px,
        "height_px": stored.facts.height_px,
        "size_bytes": stored.size_bytes,
        "sha256": received.sha256,
    }


async def remove_background(session: Session, background_id: uuid.UUID, actor: Actor) -> None:
    """Remove a background; runs that still use it go on without it. Raises: NotFound."""
    background = await repository.remove_background(session, background_id)
    if background is None:
        raise NotFound("There is no such background.")
    throw_away(session, prefix_of(background.storage_key))
    record_audit(session, actor, "background.delete", _subject(background))
    emit(session, "augmentation", {"id": str(background_id), "change": "deleted"})


def _subject(background: Background) -> Subject:
    return Subject("background", background.id, background.name)
