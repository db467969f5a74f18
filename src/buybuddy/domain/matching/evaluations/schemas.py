"""What the API says of evaluations."""

import datetime as dt
import uuid

from pydantic import BaseModel, Field

from buybuddy.domain.jobs.schemas import JobOut
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.matching.evaluations.tables import MatchEvaluation, MatchEvaluationRow
from buybuddy.domain.vectors.tables import Encoder

RATES = {"cmc@1": 0.72, "cmc@5": 0.93, "cmc@10": 0.97}
FOUND = {"cmc@1": 0.88, "map@r": 0.61}


class MatchingFiguresOut(BaseModel):
    """Shares in [0, 1]."""

    photo_to_product: dict[str, float] = Field(examples=[RATES])
    product_to_photo: dict[str, float] = Field(examples=[FOUND])


class ConfusedOut(BaseModel):
    """How many photos of a product are most similar to another one."""

    product_id: uuid.UUID
    found_product_id: uuid.UUID
    n_photos: int


class EvaluationFigures(BaseModel):
    """`cmc@k`: the share of queries with a right answer among the first k; `map@r`: the mean precision of the first R.

    From photos to products every photo is a query; from products to photos one of near-duplicates takes part.
    """

    photo_to_product: dict[str, float] = Field(examples=[RATES])
    product_to_photo: dict[str, float] = Field(examples=[FOUND])
    macro: MatchingFiguresOut = Field(description="The same averaged per product, so that each counts once.")
    queries: int = Field(description="Photos that products were ranked for.")
    products: int = Field(description="Products that were ranked for each photo.")
    products_with_photos: int = Field(description="Products that photos were ranked for.")
    n_folded: int = Field(description="Photos for which a near-duplicate stands in the ranking of photos.")
    n_without_picture: int = Field(description="Photos whose product lost its last picture meanwhile.")
    confused: list[ConfusedOut] = Field(description="The most frequent mistakes.")


class EvaluationEncoder(BaseModel):
    """Whose vectors are measured."""

    id: uuid.UUID
    name: str = Field(examples=["efficientnet-lite0"])
    preprocessing: str


class EvaluationOut(BaseModel):
    """A measurement of matching; `result` is there once `job` has completed and nothing follows it."""

    id: uuid.UUID
    encoder: EvaluationEncoder
    category: str | None
    n_rows: int
    n_outside: int = Field(description="Rows whose product is of another category.")
    n_left_out: int
    created_at: dt.datetime
    created_by: str
    job: JobOut | None = Field(description="The newest: one gathers the vectors, the next ranks them.")
    result: EvaluationFigures | None

    @classmethod
    def from_parts(cls, row: MatchEvaluation, encoder: Encoder, job: Job | None) -> "EvaluationOut":
        return cls(
            id=row.id,
            encoder=EvaluationEncoder(id=encoder.id, name=encoder.name, preprocessing=encoder.preprocessing),
            category=row.category,
            n_rows=row.n_rows,
            n_outside=row.n_outside,
            n_left_out=row.n_left_out,
            created_at=row.created_at,
            created_by=row.created_by_name,
            job=JobOut.from_row(job) if job else None,
            result=EvaluationFigures.model_validate(row.result) if row.result is not None else None,
        )


class LeftOutOut(BaseModel):
    """A row of the truth that takes no part, and why."""

    row: int
    path: str
    barcode: str
    reason: str

    @classmethod
    def from_row(cls, row: MatchEvaluationRow) -> "LeftOutOut":
        return cls(row=row.row_no, path=row.path, barcode=row.barcode, reason=row.reason or "")
