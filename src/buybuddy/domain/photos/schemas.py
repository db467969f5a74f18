"""What the API takes and answers about photos."""

import datetime as dt
import uuid
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from buybuddy.domain.photos.rules import MOST_AT_ONCE, PhotoStatus
from buybuddy.domain.photos.tables import Photo
from buybuddy.infra.http import Platform


class PhotoOut(BaseModel):
    """A photo of the pool."""

    id: uuid.UUID
    import_id: uuid.UUID | None
    name: str = Field(examples=["2026-05/basket-0412.jpg"], description="Its path as it was imported.")
    source: str
    external_id: str | None
    captured_at: dt.datetime | None
    barcode: str | None = Field(description="What the import says that it shows.")
    barcodes_seen: list[str] = Field(description="What was read in it.")
    status: PhotoStatus
    product_id: uuid.UUID | None
    group_id: uuid.UUID = Field(description="Near-duplicates have the same.")
    width_px: int | None
    height_px: int | None
    size_bytes: int
    sha256: str
    read_at: dt.datetime | None = Field(description="Null: it is still to be read, and no candidate yet.")
    problem: str | None = Field(description="Why it cannot be read; then it is discarded.", examples=[None])
    image_url: str
    thumbnail_url: str | None
    created_at: dt.datetime
    updated_at: dt.datetime

    @classmethod
    def from_row(cls, photo: Photo, platform: Platform) -> "PhotoOut":
        made_here = ("image_url", "thumbnail_url")
        return cls.model_validate(
            {
                **{name: getattr(photo, name) for name in cls.model_fields if name not in made_here},
                "image_url": platform.links.sign(photo.storage_key),
                "thumbnail_url": platform.link(photo.thumbnail_key),
            }
        )


PhotoIds = Annotated[list[uuid.UUID], Field(min_length=1, max_length=MOST_AT_ONCE)]


class PhotosIn(BaseModel):
    """Which photos are meant."""

    model_config = ConfigDict(extra="forbid")

    photo_ids: PhotoIds


class PhotosChangedOut(BaseModel):
    """Photos that were changed; those that already were as asked are not among them."""

    photo_ids: list[uuid.UUID]


class PhotoFacet(BaseModel):
    """How many photos have a value."""

    value: str
    n: int


class PhotoFacetsOut(BaseModel):
    """Counts by value, the greatest first; each without its own filter."""

    statuses: list[PhotoFacet]
    sources: list[PhotoFacet]
