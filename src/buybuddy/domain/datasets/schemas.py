"""What the API says of datasets."""

import datetime as dt
import uuid
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from sqlalchemy import Row

from buybuddy.domain.datasets.repository import ImageCounts
from buybuddy.domain.datasets.tables import Dataset
from buybuddy.domain.products.lists.filters import ProductFilters
from buybuddy.domain.products.schemas import ProductRow
from buybuddy.infra.http import Page, Platform

DatasetSort = Literal["created_at", "-created_at", "updated_at", "-updated_at", "name", "-name"]
MemberSort = Literal["added_at", "-added_at"]
NAMED_AT_MOST = 10_000
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$")
]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=5000, pattern=r"^[^\x00]*$")]


class DatasetCreate(BaseModel):
    name: Name = Field(examples=["Snacks, spring"], description="Unique, whatever the case and the accents.")
    description: Text = ""


class DatasetEdit(BaseModel):
    """The fields to change and the version that was read; a field that is left out stays as it is."""

    version: int | None = Field(None, ge=1, description="What was read; or send If-Match.")
    name: Name | None = None
    description: Text | None = None


class DatasetOut(BaseModel):
    """A dataset; image counts of a large one are estimated from a sample unless `is_image_count_exact`."""

    id: uuid.UUID
    name: str
    description: str
    product_count: int
    synthetic_count: int
    real_count: int
    augmented_count: int
    is_image_count_exact: bool
    last_version_number: int = Field(description="The number of the newest frozen version; 0 before the first.")
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime

    @classmethod
    def from_row(cls, dataset: Dataset, product_count: int, images: ImageCounts) -> Self:
        return cls(
            id=dataset.id,
            name=dataset.name,
            description=dataset.description,
            product_count=product_count,
            synthetic_count=images.synthetic,
            real_count=images.real,
            augmented_count=images.augmented,
            is_image_count_exact=images.is_exact,
            last_version_number=dataset.last_version_number,
            version=dataset.version,
            created_at=dataset.created_at,
            updated_at=dataset.updated_at,
        )


class DatasetProductRow(ProductRow):
    """A product of a dataset with how many images of each type it has."""

    synthetic_count: int
    added_at: dt.datetime

    @classmethod
    def from_member(cls, row: Row[Any], platform: Platform) -> "DatasetProductRow":
        """Build it from a row of repository.MEMBER_COLUMNS, whose values are typed by their columns already."""
        values = {name: value for name, value in row._mapping.items() if name in cls.model_fields}
        values["barcode"] = row.barcodes[0] if row.barcodes else None
        values["primary_image_url"] = platform.link(row.storage_key)
        values["thumbnail_url"] = platform.link(row.thumbnail_key)
        return cls.model_construct(**values)


class DatasetDetailOut(DatasetOut):
    """A dataset with the newest of its products."""

    products: Page[DatasetProductRow]


class ProductChoice(BaseModel):
    """Which products: named ones, or all that filters find; empty filters mean the whole catalogue."""

    model_config = ConfigDict(extra="forbid")

    product_ids: list[uuid.UUID] | None = Field(None, min_length=1, max_length=NAMED_AT_MOST)
    filters: ProductFilters | None = None

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.product_ids is None) == (self.filters is None):
            raise ValueError("give either product_ids or filters")
        return self


class AddedOut(BaseModel):
    """`missing` are the named products that there are not."""

    added: int
    already_there: int
    missing: list[uuid.UUID]


class RemovedOut(BaseModel):
    removed: int
