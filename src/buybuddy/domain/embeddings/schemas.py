"""What the API takes and answers about published indexes."""

import datetime as dt
import uuid
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from buybuddy.domain.embeddings.service import Wish
from buybuddy.domain.embeddings.tables import EmbeddingIndex
from buybuddy.domain.jobs.schemas import JobOut
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.vectors.tables import Encoder
from buybuddy.infra.vectors import IndexFacts

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$")
]


class IndexIn(BaseModel):
    """What to build an index of: one frozen version, or a dataset's newest."""

    model_config = ConfigDict(extra="forbid")

    name: Name = Field(examples=["Snacks, spring"], description="Unique, whatever the case and the accents.")
    dataset_id: uuid.UUID | None = Field(None, description="Its newest frozen version is taken.")
    dataset_version_id: uuid.UUID | None = None
    kind: Literal["auto", "exact", "ivf", "hnsw"] = Field(
        "auto", description="auto is exact for up to 100,000 vectors, ivf for more."
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.dataset_id is None) == (self.dataset_version_id is None):
            raise ValueError("name either dataset_id or dataset_version_id")
        return self

    def wish(self) -> Wish:
        return Wish(self.name, self.dataset_id, self.dataset_version_id, self.kind)


class IndexEncoder(BaseModel):
    id: uuid.UUID
    name: str
    preprocessing: str
    dim: int


class LeftOutImage(BaseModel):
    """An image of the frozen version that is not in the index."""

    image_id: uuid.UUID
    reason: str


class IndexOut(BaseModel):
    """A published index; figures are null until it is built."""

    id: uuid.UUID
    name: str
    status: Literal["building", "ready", "failed"]
    error: str | None
    kind: Literal["auto", "exact", "ivf", "hnsw"]
    dataset_version_id: uuid.UUID | None
    dataset_label: str = Field(examples=["Snacks, spring, version 3"])
    encoder: IndexEncoder
    vector_count: int
    product_count: int
    left_out_count: int = Field(
        description="Images of the version without a vector, or gone by then; augmented ones, which get none, aside."
    )
    left_out: list[LeftOutImage] = Field(description="The first hundred of them.")
    domains: dict[str, int] | None = Field(description="Images of each domain.", examples=[{"synthetic": 400}])
    parameters: dict[str, int] | None = Field(examples=[{"n_cells": 4096, "n_probe": 16}])
    recall_at_10: float | None = Field(description="Against exact search, with vectors it did not hold; 1 when exact.")
    recall_at_50: float | None
    recall_queries: int | None = Field(description="How many vectors recall was measured with; 0 when exact.")
    build_s: float | None
    size_bytes: int | None
    is_serving: bool
    previous_id: uuid.UUID | None = Field(description="What a rollback goes back to; null means the living vectors.")
    activated_at: dt.datetime | None
    created_by: str
    created_at: dt.datetime
    job: JobOut | None = Field(description="The newest: first one gathers the vectors, then one builds.")

    @classmethod
    def of(cls, index: EmbeddingIndex, encoder: Encoder, job: Job | None) -> Self:
        facts = IndexFacts.model_validate(index.facts) if index.facts is not None else None
        same = ("id", "name", "status", "error", "kind", "dataset_version_id", "dataset_label", "vector_count",
                "product_count", "left_out", "recall_at_10", "recall_at_50", "size_bytes", "is_serving", "previous_id",
                "activated_at", "created_at")  # fmt: skip
        return cls.model_validate(
            {
                **{name: getattr(index, name) for name in same},
                "encoder": {name: getattr(encoder, name) for name in IndexEncoder.model_fields},
                "left_out_count": index.n_left_out,
                "domains": facts.origin.domains if facts is not None else None,
                "parameters": facts.parameters if facts is not None else None,
                "recall_queries": facts.n_queries if facts is not None else None,
                "build_s": facts.build_s if facts is not None else None,
                "created_by": index.created_by_name,
                "job": JobOut.from_row(job) if job is not None else None,
            }
        )


class ServingOut(BaseModel):
    """What answers searches from now on."""

    index: IndexOut | None = Field(description="null: the living vectors in the database.")


class ExtractIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    dataset_id: uuid.UUID


class ExtractionOut(BaseModel):
    """The first job of a chain; none when every picture has a vector already."""

    jobs: list[JobOut]
