"""Which products are meant: the same filters for lists, facets, exports and work on many products at once."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

ProductStatus = Literal["pending", "processing", "needs_matching", "ready", "rejected"]
ProductSort = Literal[
    "created_at", "-created_at", "updated_at", "-updated_at", "product_name", "-product_name",
    "brand_name", "-brand_name", "frame_count", "-frame_count",
]  # fmt: skip


class ProductFilters(BaseModel):
    """Conditions that all hold; an empty one asks for every product."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    search: str | None = Field(
        None, max_length=200, description="Beginnings of words of brand, name or variant, or of any barcode."
    )
    status: ProductStatus | None = None
    category: str | None = Field(None, max_length=300, description="Empty: products without one.")

    @property
    def has_search(self) -> bool:
        return bool(self.search and self.search.strip())
