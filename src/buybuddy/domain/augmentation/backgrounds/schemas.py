"""What the API answers about backgrounds."""

import datetime as dt
import uuid
from typing import Literal, Self

from pydantic import BaseModel

from buybuddy.domain.augmentation.backgrounds.service import Sent
from buybuddy.domain.augmentation.tables import Background
from buybuddy.infra.http import Platform


class BackgroundOut(BaseModel):
    id: uuid.UUID
    name: str
    image_url: str
    thumbnail_url: str
    width_px: int
    height_px: int
    size_bytes: int
    sha256: str
    created_at: dt.datetime

    @classmethod
    def from_row(cls, row: Background, platform: Platform) -> Self:
        same = ("id", "name", "width_px", "height_px", "size_bytes", "sha256", "created_at")
        return cls(
            **{name: getattr(row, name) for name in same},
            image_url=platform.links.sign(row.storage_key),
            thumbnail_url=platform.links.sign(row.thumbnail_key),
        )


class SentBackground(BaseModel):
    """What became of one file."""

    filename: str
    outcome: Literal["added", "known", "refused"]
    reason: str | None
    background: BackgroundOut | None

    @classmethod
    def of(cls, sent: Sent, platform: Platform) -> Self:
        if sent.background is None:
            return cls(filename=sent.filename, outcome="refused", reason=sent.reason, background=None)
        shown = BackgroundOut.from_row(sent.background, platform)
        outcome: Literal["added", "known"] = "added" if sent.is_new else "known"
        return cls(filename=sent.filename, outcome=outcome, reason=None, background=shown)


class BackgroundsAdded(BaseModel):
    files: list[SentBackground]
