"""What the API says of products and their images."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, Field

from buybuddy.domain.products.tables import Product, ProductBarcode, ProductImage
from buybuddy.domain.videos.schemas import VideoOut
from buybuddy.infra.http import Platform
from buybuddy.stages.specs import FrameQuality, NutritionFacts

ProductStatus = Literal["pending", "processing", "needs_matching", "ready", "rejected"]
ProductSort = Literal["created_at", "-created_at", "-updated_at", "product_name", "brand_name", "-frame_count"]
ImageType = Literal["synthetic", "real", "augmented"]


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
    visibility_score: int | None
    primary_image_url: str | None
    thumbnail_url: str | None
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime

    @classmethod
    def values_from(
        cls, product: Product, barcodes: Sequence[ProductBarcode], primary: ProductImage | None, platform: Platform
    ) -> dict[str, object]:
        made_here = ("barcode", "barcodes", "primary_image_url", "thumbnail_url")
        return {
            **{name: getattr(product, name) for name in ProductRow.model_fields if name not in made_here},
            "barcode": next((barcode.barcode for barcode in barcodes if barcode.is_primary), None),
            "barcodes": [barcode.barcode for barcode in barcodes],
            "primary_image_url": platform.link(primary.storage_key) if primary else None,
            "thumbnail_url": platform.link(primary.thumbnail_key) if primary else None,
        }


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


class CategoryOut(BaseModel):
    category: str
    count: int


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
    synthetic: list[ImageOut]
    real: list[ImageOut]
    augmented: list[ImageOut]


class ProductEdit(BaseModel):
    """The fields to change and the version that was read; a field that is left out stays as it is."""

    version: int
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
    status: ProductStatus | None = None
