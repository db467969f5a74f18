"""What the API says of products and their images."""

import datetime as dt
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import to_json

from buybuddy.domain.jobs.schemas import JobOut
from buybuddy.domain.products.bulk.rules import TEXT_FIELDS, text_or_none
from buybuddy.domain.products.lists.filters import ProductStatus
from buybuddy.domain.products.lists.repository import ProductPage
from buybuddy.domain.products.tables import Product, ProductImage
from buybuddy.domain.videos.schemas import VideoOut
from buybuddy.infra.db.pages import Window
from buybuddy.infra.http import Page, Platform, page_of
from buybuddy.stages.specs import FrameQuality, NutritionFacts

ImageType = Literal["synthetic", "real", "augmented"]


NOT_SHOWN = frozenset({"storage_key", "thumbnail_key", "name_key", "brand_key", "n", "is_whole"})


class ProductRow(BaseModel):
    """A product as a list shows it; `barcode` is its primary one."""

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
    status: ProductStatus
    frame_count: int
    real_count: int
    augmented_count: int
    visibility_score: int | None
    primary_image_url: str | None
    thumbnail_url: str | None
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime


class ProductPageOut(Page[ProductRow]):
    """A page of products; `corrected_search` is what was searched for instead of a word that no product has."""

    corrected_search: str | None


def page_document(page: ProductPage, window: Window, platform: Platform) -> bytes:
    """Return a ProductPageOut as JSON.

    Not by way of the models: their fields' types are the columns' own, and a page of fifty is asked for all day.
    """
    rows = page.found.rows
    hidden = NOT_SHOWN.intersection(rows[0]._fields) if rows else ()
    items = [_row_document(row, hidden, platform) for row in rows]
    found = page_of(items, page.found, window)
    return to_json({**vars(found), "corrected_search": page.corrected_search})


def _row_document(row: Any, hidden: Collection[str], platform: Platform) -> dict[str, object]:
    document: dict[str, object] = row._asdict()
    document["barcode"] = row.barcodes[0] if row.barcodes else None
    document["primary_image_url"] = platform.link(row.storage_key)
    document["thumbnail_url"] = platform.link(row.thumbnail_key)
    for name in hidden:
        del document[name]
    return document


class ProductOut(ProductRow):
    """A product with all that was read from its pack and the video it came from."""

    grounding_prompt: str | None
    claims: list[str]
    nutrition_facts: NutritionFacts
    manufacturer_country: str | None
    marketing_description: str | None
    issues_detected: list[str]
    barcodes_seen: list[str]
    metadata_reader: str | None
    edited_fields: list[str]
    video: VideoOut | None

    @classmethod
    def from_parts(
        cls, product: Product, primary: ProductImage | None, video: VideoOut | None, platform: Platform
    ) -> "ProductOut":
        made_here = ("barcode", "primary_image_url", "thumbnail_url", "video")
        return cls.model_validate(
            {
                **{name: getattr(product, name) for name in cls.model_fields if name not in made_here},
                "barcode": product.barcodes[0] if product.barcodes else None,
                "primary_image_url": platform.link(primary.storage_key) if primary else None,
                "thumbnail_url": platform.link(primary.thumbnail_key) if primary else None,
                "video": video,
            }
        )


class CategoryOut(BaseModel):
    category: str
    count: int


class FacetOut(BaseModel):
    """How many products have a value; null stands for none."""

    value: str | None
    count: int


class ProductFacetsOut(BaseModel):
    """Counts for the filters of a list, each without its own filter; of a broad search the first hits are counted."""

    statuses: list[FacetOut]
    categories: list[FacetOut]
    is_exact: bool


class ImageOut(BaseModel):
    """One picture of a product; `video_time_s` says where in its video a frame is from."""

    id: uuid.UUID
    image_type: ImageType
    source: str
    url: str
    matte_url: str | None
    thumbnail_url: str | None
    frame_index: int | None
    video_time_s: float | None
    width_px: int
    height_px: int
    is_primary: bool
    quality: FrameQuality | None

    @classmethod
    def from_row(cls, image: ProductImage, primary_image_id: uuid.UUID | None, platform: Platform) -> "ImageOut":
        made_here = ("url", "matte_url", "thumbnail_url", "is_primary")
        return cls.model_validate(
            {
                **{name: getattr(image, name) for name in cls.model_fields if name not in made_here},
                "url": platform.link(image.storage_key),
                "matte_url": platform.link(image.matte_key),
                "thumbnail_url": platform.link(image.thumbnail_key),
                "is_primary": image.id == primary_image_id,
            }
        )


class ProductImagesOut(BaseModel):
    """The first images of each type, and how many there are of it."""

    synthetic: list[ImageOut]
    real: list[ImageOut]
    augmented: list[ImageOut]
    synthetic_total: int
    real_total: int
    augmented_total: int

    @classmethod
    def from_images(cls, images: Sequence[ImageOut], totals: Mapping[str, int]) -> "ProductImagesOut":
        by_type = {kind: [image for image in images if image.image_type == kind] for kind in get_args(ImageType)}
        return cls.model_validate({**by_type, **{f"{kind}_total": totals.get(kind, 0) for kind in by_type}})


class SentImage(BaseModel):
    """What became of one file; `known` are bytes that the product has already."""

    filename: str
    outcome: Literal["added", "known", "refused"]
    reason: str | None = Field(description="Why it was refused.")
    image: ImageOut | None


class ImagesAdded(BaseModel):
    """The product as it is now, its files in the order sent, and the job that makes them searchable."""

    product: ProductOut
    files: list[SentImage]
    job: JobOut | None


class ProductFields(BaseModel):
    """What people write about a product."""

    brand_name: str | None = Field(None, max_length=300)
    sub_brand: str | None = Field(None, max_length=300)
    product_name: str | None = Field(None, max_length=300)
    variant_flavor: str | None = Field(None, max_length=300)
    category: str | None = Field(None, max_length=300)
    container_type: str | None = Field(None, max_length=100)
    net_quantity: str | None = Field(None, max_length=100)
    manufacturer_country: str | None = Field(None, max_length=100)
    marketing_description: str | None = Field(None, max_length=5000)
    grounding_prompt: str | None = Field(None, max_length=500)
    claims: list[str] | None = Field(None, max_length=100)
    nutrition_facts: NutritionFacts | None = None

    _without_blanks = field_validator(*TEXT_FIELDS)(text_or_none)


class ProductNew(ProductFields):
    """A product to make by hand; the first barcode becomes the primary one."""

    model_config = ConfigDict(extra="forbid")

    id: uuid.UUID | None = Field(
        None, description="Chosen by the client, so that the same product sent again is not made twice."
    )
    barcodes: list[Annotated[str, Field(min_length=1, max_length=64)]] = Field(default=[], max_length=20)
    status: ProductStatus = "pending"


class ProductEdit(ProductFields):
    """The fields to change and the version that was read; a field that is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    version: int | None = Field(None, ge=1, description="What was read; or send If-Match.")
    status: ProductStatus | None = None
