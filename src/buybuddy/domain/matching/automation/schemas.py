"""What the API takes and answers about automatic approval."""

import datetime as dt
import uuid

from pydantic import BaseModel, ConfigDict, Field

from buybuddy.domain.matching.automation.rules import Quality
from buybuddy.domain.matching.automation.service import Preview
from buybuddy.domain.matching.confidence.rules import HIGHEST_TARGET


class AutomationPreviewIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    precision_target: float | None = Field(None, ge=0.5, le=HIGHEST_TARGET, description="Else the one of the settings.")


class AutomationPreview(BaseModel):
    """What automatic approval would do now. Without enough decisions of people it would do nothing."""

    would_approve: int = Field(description="Photos, of the products that were looked at.")
    products: int = Field(description="Products that they would be approved for.")
    products_looked_at: int
    is_whole: bool = Field(description="Every product of the queue was looked at; else those that promise most.")
    decisions: int = Field(description="Decisions of people that confidence was learned from.")
    needed_decisions: int = Field(description="First suggestions that people must have decided about for this target.")
    past_pairs: int | None = Field(description="Decided pairs that scored as high; null when nothing is sure enough.")
    measured_precision: float | None = Field(description="How many of them were right.")
    lower_bound: float | None = Field(description="Of that precision, with 95 % confidence.")

    @classmethod
    def of(cls, found: Preview) -> "AutomationPreview":
        cutoff = found.basis.cutoff
        return cls(
            would_approve=found.n_pairs,
            products=found.n_products,
            products_looked_at=found.n_looked_at,
            is_whole=found.is_whole,
            decisions=found.basis.curve.n_decisions,
            needed_decisions=found.n_needed,
            past_pairs=cutoff.n if cutoff else None,
            measured_precision=round(cutoff.precision, 4) if cutoff else None,
            lower_bound=round(cutoff.lower, 4) if cutoff else None,
        )


class AutomationOut(BaseModel):
    """What people have said of automatic approvals since they were last switched on: the newest 1,000 answers."""

    is_automatic: bool
    answers: int
    right: int
    precision: float | None
    lower_bound: float = Field(description="With 95 % confidence.")
    upper_bound: float = Field(description="With 95 % confidence.")

    @classmethod
    def of(cls, quality: Quality, *, is_automatic: bool) -> "AutomationOut":
        lower, upper = quality.interval
        precision = quality.precision
        return cls(
            is_automatic=is_automatic,
            answers=quality.n,
            right=quality.n_right,
            precision=None if precision is None else round(precision, 4),
            lower_bound=round(lower, 4),
            upper_bound=round(upper, 4),
        )


class MatchAuditOut(BaseModel):
    """An automatic approval that people are asked about: does the photo show the product?"""

    product_id: uuid.UUID
    photo_id: uuid.UUID
    barcode: str | None
    brand_name: str | None
    product_name: str | None
    variant_flavor: str | None
    product_image_url: str | None
    photo_url: str
    photo_thumbnail_url: str | None
    photo_name: str
    similarity: float | None
    drawn_at: dt.datetime


class MatchAuditAnswer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    product_id: uuid.UUID
    photo_id: uuid.UUID
    is_right: bool = Field(description="False takes the approval back and rejects the pair.")
