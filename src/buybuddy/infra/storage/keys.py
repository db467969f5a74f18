"""How objects are named: by area, ids and hashes, never by a barcode or a name that somebody typed."""

import re
import uuid
from pathlib import PurePosixPath
from typing import Literal, get_args

from buybuddy.errors import InvalidInput

Area = Literal["videos", "frames", "real-images", "augmented-images", "models", "embeddings", "exports"]
AREAS: tuple[str, ...] = get_args(Area)

_KEY = re.compile(r"[a-z-]+(/[A-Za-z0-9_-]+(\.[A-Za-z0-9]+)?)+")

# Media is served with a type from this table and nothing else, so that no upload becomes a page.
_CONTENT_TYPES = {
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
    ".avi": "video/x-msvideo",
}


def object_key(area: Area, *parts: str | uuid.UUID, suffix: str = "") -> str:
    """Build a key. Raises: InvalidInput when a part could leave its folder."""
    return checked_key("/".join([area, *(str(part) for part in parts)]) + suffix)


def checked_key(key: str) -> str:
    """Return the key when it is well formed. Raises: InvalidInput."""
    if not _KEY.fullmatch(key) or key.split("/", 1)[0] not in AREAS:
        raise InvalidInput(f"Not an object key: {key!r}")
    return key


def content_type_of(key: str) -> str:
    """Return the fixed content type for the key's suffix; unknown ones are plain bytes."""
    return _CONTENT_TYPES.get(PurePosixPath(key).suffix.lower(), "application/octet-stream")
