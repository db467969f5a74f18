"""What the API says of work on many products at once."""

import uuid
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from buybuddy.domain.jobs.schemas import JobOut
from buybuddy.domain.products.bulk.rules import LONGEST_SELECTION, TEXT_FIELDS, text_or_none
from buybuddy.domain.products.bulk.tables import BulkItem
from buybuddy.domain.products.lists.filters import ProductFilters, ProductStatus


class ChosenProduct(BaseModel):
    """A product, and the version that was read."""

    id: uuid.UUID
    version: int = Field(ge=1, le=2**31 - 1)


class Selection(BaseModel):
    """Which products are meant: exactly one of `product_ids`, `items` and `filters`."""

    model_config = ConfigDict(extra="forbid")

    product_ids: list[uuid.UUID] | None = Field(None, min_length=1, max_length=LONGEST_SELECTION)
    items: list[ChosenProduct] | None = Field(
        None,
        min_length=1,
        max_length=LONGEST_SELECTION,
        description="One that is no longer at its version is left out.",
    )
    filters: ProductFilters | None = Field(
        None, description="Every product that fits at this moment; one that is changed before its turn is left out."
    )
    confirm_count: int | None = Field(
        None,
        ge=0,
        description="How many the person was told; 409 with `current_count` when there are more or fewer."
        " Required with empty filters.",
    )

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        if sum(kind is not None for kind in (self.product_ids, self.items, self.filters)) != 1:
            raise ValueError("give exactly one of product_ids, items and filters")
        if self.filters is not None and self.filters.search is not None and not self.filters.has_search:
            raise ValueError("a blank search would choose every product; leave it out to choose them all")
        if self.filters == ProductFilters() and self.confirm_count is None:
            raise ValueError("filters that ask for nothing choose the whole catalogue: say how many in confirm_count")
        return self

    def versions(self) -> dict[uuid.UUID, int | None]:
        """Return what was chosen by id, with the versions that were read."""
        if self.items is not None:
            return {item.id: item.version for item in self.items}
        return dict.fromkeys(self.product_ids or ())


class BulkChanges(BaseModel):
    """The fields to change, the same for all; one that is left out stays, null empties it."""

    model_config = ConfigDict(extra="forbid")

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
    status: ProductStatus | None = None

    _without_blanks = field_validator(*TEXT_FIELDS)(text_or_none)

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("name at least one field to change")
        if "status" in self.model_fields_set and self.status is None:
            raise ValueError("a product always has a status")
        if any("\x00" in value for value in self.model_dump(exclude_none=True).values()):
            raise ValueError("a text cannot hold the character NUL")
        return self


class BulkDeleteIn(Selection):
    """The products to remove."""


class BulkEditIn(Selection):
    """The products to change, and how."""

    changes: BulkChanges


class FailedProduct(BaseModel):
    """A product that was left as it is, and why."""

    product_id: uuid.UUID
    label: str
    reason: str

    @classmethod
    def from_row(cls, item: BulkItem) -> "FailedProduct":
        return cls(product_id=item.product_id, label=item.label or str(item.product_id), reason=item.failure or "")


class BulkAnswer(BaseModel):
    """What was done at once, or (202) the job that does it; `bulk_id` names it for its failures and its undoing."""

    bulk_id: uuid.UUID
    n_items: int
    done: int
    failed: list[FailedProduct]
    job: JobOut | None
