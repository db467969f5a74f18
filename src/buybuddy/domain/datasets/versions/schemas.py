"""What the API says of frozen versions."""

import datetime as dt
import uuid
from typing import Self

from pydantic import BaseModel, Field

from buybuddy.domain.datasets.rules import SplitPlan
from buybuddy.domain.datasets.schemas import Text
from buybuddy.domain.datasets.tables import DatasetVersion
from buybuddy.domain.datasets.versions.service import Verification

LARGEST_SEED = 2**32 - 1


class Ratios(BaseModel):
    """Parts of the products; together 1, give or take 0.001."""

    train: float = Field(0.8, ge=0, le=1, allow_inf_nan=False)
    val: float = Field(0.1, ge=0, le=1, allow_inf_nan=False)
    test: float = Field(0.1, ge=0, le=1, allow_inf_nan=False)


class VersionCreate(BaseModel):
    ratios: Ratios = Ratios()
    seed: int = Field(42, ge=0, le=LARGEST_SEED)
    note: Text = ""

    def plan(self) -> SplitPlan:
        return SplitPlan(self.ratios.train, self.ratios.val, self.ratios.test, self.seed)


class SplitCounts(BaseModel):
    """What one split holds; an augmented image counts in its parent's domain too."""

    products: int
    images: int
    synthetic: int
    real: int
    augmented: int
    domain_synthetic: int
    domain_real: int


class SplitsOut(BaseModel):
    train: SplitCounts
    val: SplitCounts
    test: SplitCounts


class VersionOut(BaseModel):
    """A frozen version; two of the same `content_sha256` have the same images in the same splits."""

    id: uuid.UUID
    dataset_id: uuid.UUID
    number: int
    note: str
    seed: int
    ratios: Ratios
    product_count: int
    image_count: int
    splits: SplitsOut
    manifest_sha256: str
    content_sha256: str
    size_bytes: int = Field(description="Of the manifest.")
    created_by: str
    created_at: dt.datetime

    @classmethod
    def from_row(cls, version: DatasetVersion) -> Self:
        return cls(
            id=version.id,
            dataset_id=version.dataset_id,
            number=version.number,
            note=version.note,
            seed=version.seed,
            ratios=Ratios(train=version.train_ratio, val=version.val_ratio, test=version.test_ratio),
            product_count=version.n_products,
            image_count=version.n_images,
            splits=SplitsOut.model_validate(version.counts),
            manifest_sha256=version.manifest_sha256,
            content_sha256=version.content_sha256,
            size_bytes=version.size_bytes,
            created_by=version.created_by_name,
            created_at=version.created_at,
        )


class VerificationOut(BaseModel):
    """What storage has of a version's images; `missing` and `changed` name the first hundred."""

    is_manifest_intact: bool
    n_images: int
    n_checked: int
    next_start: int | None = Field(description="Where the next look begins; null when all were looked at.")
    n_missing: int
    n_changed: int
    missing: list[uuid.UUID]
    changed: list[uuid.UUID]

    @classmethod
    def from_result(cls, result: Verification) -> Self:
        return cls(**vars(result))
