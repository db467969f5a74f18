"""What exports of products ask for and hold."""

import datetime as dt
import uuid
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator
from sqlalchemy import Row

from buybuddy.domain.products.lists.filters import ProductFilters, ProductStatus

MOST_IN_ARCHIVE, MOST_LISTED = 1_000, 10_000


class DownloadRequest(BaseModel):
    """Which products an archive is to hold."""

    model_config = ConfigDict(extra="forbid")

    product_ids: list[uuid.UUID] = Field(min_length=1, max_length=MOST_IN_ARCHIVE)


class ExportRequest(BaseModel):
    """Which products to export: these, or everything that fits the filters (all of it without any)."""

    model_config = ConfigDict(extra="forbid")

    product_ids: list[uuid.UUID] | None = Field(None, max_length=MOST_LISTED)
    filters: ProductFilters | None = None

    @model_validator(mode="after")
    def _is_one_of_them(self) -> Self:
        if self.product_ids is not None and self.filters is not None:
            raise ValueError("give product_ids or filters, not both")
        return self


class ProductExport(BaseModel):
    """A product in a JSON export and in the metadata.json of an archive."""

    id: uuid.UUID
    barcode: str | None
    barcodes: list[str]
    brand_name: str | None
    sub_brand: str | None
    product_name: str | None
    variant_flavor: str | None
    category: str | None
    container_type: str | None
    net_quantity: str | None
    manufacturer_country: str | None
    marketing_description: str | None
    nutrition_facts: dict[str, JsonValue]
    claims: list[str]
    grounding_prompt: str | None
    visibility_score: int | None
    issues_detected: list[str]
    barcodes_seen: list[str]
    status: ProductStatus
    frame_count: int
    real_count: int
    augmented_count: int
    primary_image_id: uuid.UUID | None
    created_at: dt.datetime
    updated_at: dt.datetime

    @classmethod
    def from_row(cls, row: Row[Any]) -> "ProductExport":
        """Build it from a row of export_repository.PRODUCT_COLUMNS."""
        return cls.model_validate({**row._mapping, "barcode": row.barcodes[0] if row.barcodes else None})


class ImageExport(BaseModel):
    """An image in the metadata.json of an archive; `file` and `matte_file` are paths in it."""

    id: uuid.UUID
    file: str
    matte_file: str | None
    image_type: str
    source: str
    frame_index: int | None
    video_time_s: float | None
    width_px: int
    height_px: int
    size_bytes: int
    sha256: str
