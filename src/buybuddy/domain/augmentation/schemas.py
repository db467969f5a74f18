"""What the API takes and answers about runs of augmentation."""

import datetime as dt
import uuid
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from buybuddy.domain.augmentation.repository import Totals
from buybuddy.domain.augmentation.rules import RunStatus
from buybuddy.domain.augmentation.tables import AugmentationProduct, AugmentationRun
from buybuddy.domain.datasets.rules import Split
from buybuddy.infra.http import Platform
from buybuddy.recipes import Recipe

LARGEST_SEED = 2**32 - 1
LARGEST_VERSION = 2**31 - 1
Target = Annotated[int, Field(ge=0, le=10_000)]


class AugmentIn(BaseModel):
    """What is to be made; without anything, what the platform recommends."""

    model_config = ConfigDict(extra="forbid")

    version: int | None = Field(None, ge=1, le=LARGEST_VERSION, description="A frozen version; the newest without one.")
    synthetic_target: Target = Field(600, description="Synthetic pictures a product, those that are there counted.")
    real_target: Target = Field(400, description="Real pictures a product, those that are there counted.")
    seed: int = Field(42, ge=0, le=LARGEST_SEED)
    recipe: str = Field(
        "published",
        max_length=200,
        examples=["published"],
        description="`published`, `store`, or a saved recipe's name.",
    )
    splits: list[Split] = Field(["train", "val", "test"], min_length=1, max_length=3)


class Counts(BaseModel):
    """Pictures of both domains."""

    synthetic: int
    real: int


class RunOut(BaseModel):
    """A run; pictures that finished parts have made are there while others are still made."""

    id: uuid.UUID
    dataset_id: uuid.UUID | None
    dataset_label: str = Field(examples=["Snacks, version 3"])
    status: RunStatus
    progress: float = Field(description="0 to 100.")
    remaining_s: float | None
    recipe_name: str
    recipe: Recipe
    seed: int
    targets: Counts
    splits: list[str]
    product_count: int
    before: Counts
    wanted: Counts
    made: Counts
    short_count: int = Field(description="Products of which less was made than the targets ask for, or with a reason.")
    part_count: int
    failed_part_count: int = Field(description="Their jobs can be retried.")
    plan_job_id: uuid.UUID | None
    created_by: str
    created_at: dt.datetime
    cancelled_at: dt.datetime | None

    @classmethod
    def of(cls, run: AugmentationRun, state: "RunState") -> Self:
        totals = state.totals
        same = ("id", "dataset_id", "dataset_label", "recipe_name", "recipe", "seed", "splits", "plan_job_id",
                "created_at", "cancelled_at")  # fmt: skip
        return cls.model_validate(
            {
                **{name: getattr(run, name) for name in same},
                "status": state.status,
                "progress": round(state.progress, 1),
                "remaining_s": state.remaining_s,
                "targets": Counts(synthetic=run.synthetic_target, real=run.real_target),
                "product_count": totals.n_products,
                "before": Counts(synthetic=totals.n_synthetic_before, real=totals.n_real_before),
                "wanted": Counts(synthetic=totals.n_synthetic_wanted, real=totals.n_real_wanted),
                "made": Counts(synthetic=totals.n_synthetic_made, real=totals.n_real_made),
                "short_count": totals.n_short,
                "part_count": state.n_parts,
                "failed_part_count": state.n_failed_parts,
                "created_by": run.created_by_name,
            }
        )


class RunState(BaseModel):
    """How a run stands, counted when it is asked."""

    status: RunStatus
    progress: float
    remaining_s: float | None
    totals: Totals
    n_parts: int
    n_failed_parts: int


class RunProductOut(BaseModel):
    """One product in the report of a run."""

    product_id: uuid.UUID
    label: str
    split: str
    before: Counts
    wanted: Counts
    made: Counts
    reasons: list[str] = Field(description="Why less was made, or what was left out.")
    sheet_url: str | None = Field(description="A contact sheet of some of its pictures.")

    @classmethod
    def from_row(cls, row: AugmentationProduct, platform: Platform) -> Self:
        return cls(
            product_id=row.product_id,
            label=row.label,
            split=row.split,
            before=Counts(synthetic=row.n_synthetic_before, real=row.n_real_before),
            wanted=Counts(synthetic=row.n_synthetic_wanted, real=row.n_real_wanted),
            made=Counts(synthetic=row.n_synthetic_made, real=row.n_real_made),
            reasons=row.reasons,
            sheet_url=platform.link(row.sheet_key),
        )


ReportFormat = Literal["json", "html"]
