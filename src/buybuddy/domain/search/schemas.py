"""What the API answers to a photo."""

import uuid

from pydantic import BaseModel, Field


class SearchResult(BaseModel):
    """A product and the image of it that is most like the photo; `similarity` is a cosine."""

    product_id: uuid.UUID
    barcode: str | None
    product_name: str | None
    brand_name: str | None
    variant_flavor: str | None
    similarity: float
    image_id: uuid.UUID
    image_url: str
    thumbnail_url: str | None


class SearchEncoder(BaseModel):
    name: str
    preprocessing: str
    dim: int


class SearchIndex(BaseModel):
    """The published index that answered."""

    id: uuid.UUID
    name: str


class SearchOut(BaseModel):
    """Products, nearest first; `product_box_xyxy` is where the product was found in the photo, in its pixels."""

    results: list[SearchResult]
    encoder: SearchEncoder
    product_box_xyxy: tuple[float, float, float, float] | None
    barcodes_seen: list[str]
    n_vectors: int
    index: SearchIndex | None = Field(description="null: the living vectors in the database answered.")
    seconds: float
