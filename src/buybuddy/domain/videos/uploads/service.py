"""Videos that arrive in pieces: begun, looked at, removed. What a request sends is taken in by receiving."""

import base64
import binascii
import re
import uuid
from dataclasses import dataclass

from buybuddy.domain.videos import service
from buybuddy.domain.videos.tables import VideoUpload
from buybuddy.domain.videos.uploads import repository
from buybuddy.errors import Conflict, InvalidInput, NotFound, PayloadTooLarge, UnreadableMedia
from buybuddy.infra.db import Session, new_id, throw_away
from buybuddy.infra.storage import object_key

MOST_UNFINISHED = 20
IDLE_S = 24 * 3600.0
SWEPT_AFTER_S = IDLE_S + 60.0  # never before the row says that it is over

_METADATA_KEY = re.compile(r"[!-+\--~]+")  # printable ASCII without space and comma
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class TooManyUploads(Conflict):
    """A user has begun enough uploads that are not finished."""

    code = "TOO_MANY_UPLOADS"


@dataclass(frozen=True)
class Wish:
    """What a client says of a file before it sends it."""

    size_bytes: int
    upload_metadata: str
    filename: str
    barcode: str | None


def read_wish(size_bytes: int, upload_metadata: str, max_bytes: int) -> Wish:
    """Check what a client wants to send. Raises: PayloadTooLarge, UnreadableMedia, InvalidInput."""
    if size_bytes > max_bytes:
        raise PayloadTooLarge(f"The file has {size_bytes / 1e6:.0f} MB; at most {max_bytes / 1e6:.0f} MB are taken.")
    if size_bytes == 0:
        raise UnreadableMedia("The file is empty.")
    said = _read_metadata(upload_metadata)
    filename = service.plain_filename(_CONTROL.sub("", said.get("filename", "")))
    return Wish(size_bytes, upload_metadata, filename, service.checked_barcode(said.get("barcode")))


def _read_metadata(header: str) -> dict[str, str]:
    """Return the pairs of an Upload-Metadata header: a key, a space, a value in base64. Raises: InvalidInput."""
    said: dict[str, str] = {}
    for pair in header.split(",") if header.strip() else []:
        key, _, value = pair.strip().partition(" ")
        try:
            if not _METADATA_KEY.fullmatch(key) or key in said:
                raise ValueError(key)
            said[key] = base64.b64decode(value, validate=True).decode("utf-8")
        except (ValueError, binascii.Error) as error:
            raise InvalidInput("Upload-Metadata has pairs of a key and a base64 value, parted by commas.") from error
    return said


async def begin(session: Session, wish: Wish, user_id: uuid.UUID) -> VideoUpload:
    """Begin an upload. Raises: TooManyUploads."""
    await repository.lock_user(session, user_id)
    await repository.forget_expired(session)
    if await repository.count_unfinished(session, user_id) >= MOST_UNFINISHED:
        raise TooManyUploads(f"{MOST_UNFINISHED} of your uploads are not finished; finish or delete one first.")
    upload_id = new_id()
    throw_away(session, prefix_of(upload_id), after_s=SWEPT_AFTER_S)
    return await repository.add_upload(
        session,
        lives_s=IDLE_S,
        id=upload_id,
        user_id=user_id,
        filename=wish.filename,
        barcode=wish.barcode,
        upload_metadata=wish.upload_metadata,
        size_bytes=wish.size_bytes,
    )


async def get_upload(session: Session, upload_id: uuid.UUID, owner: uuid.UUID | None) -> VideoUpload:
    """Return an upload; with an owner, only when it is theirs. Raises: NotFound."""
    upload = await repository.find_upload(session, upload_id, owner)
    if upload is None:
        raise NotFound("There is no such upload, or no longer.")
    return upload


async def remove(session: Session, upload_id: uuid.UUID, owner: uuid.UUID | None) -> None:
    """Forget an upload and free its parts; a video that has come of it stays. Raises: NotFound."""
    upload = await repository.lock_upload(session, upload_id, owner)
    if upload is None:
        raise NotFound("There is no such upload, or no longer.")
    # The note of its beginning stands, too: for a part that is being written at this moment.
    throw_away(session, prefix_of(upload_id))
    await session.delete(upload)


def prefix_of(upload_id: uuid.UUID) -> str:
    """Return where the parts of an upload lie."""
    return object_key("videos", "uploads", upload_id) + "/"
