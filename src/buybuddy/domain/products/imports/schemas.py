"""What the API says of imports."""

import datetime as dt
import uuid
from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel

from buybuddy.domain.jobs.schemas import JobOut
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.products.imports.rules import ImportMode, RowKind
from buybuddy.domain.products.imports.tables import ProductImport, ProductImportRow

ERRORS_SHOWN = 1_000

Outcome = Literal["applied", "conflict"]


class ImportColumns(BaseModel):
    """The names in the file's first row: those that are fields of a product, and the others."""

    recognised: list[str]
    ignored: list[str]


class ImportCounts(BaseModel):
    """How many rows would do what."""

    create: int
    update: int
    unchanged: int
    error: int


class RowError(BaseModel):
    """What is wrong in which place of the file."""

    row: int
    column: str
    value: str
    reason: str


class CellProblem(BaseModel):
    column: str
    value: str
    reason: str


class ImportRowOut(BaseModel):
    """A row of the file, numbered as a spreadsheet shows it, and what it would do, or did."""

    row: int
    kind: RowKind
    label: str
    product_id: uuid.UUID | None
    before: dict[str, str | None]
    after: dict[str, str | None]
    barcodes_added: list[str]
    errors: list[CellProblem]
    outcome: Outcome | None
    reason: str | None

    @classmethod
    def from_row(cls, row: ProductImportRow) -> "ImportRowOut":
        return cls.model_validate(
            {
                **{name: getattr(row, name) for name in ("kind", "label", "product_id", "before", "errors")},
                "row": row.row_no,
                "after": row.changes,
                "barcodes_added": row.barcodes,
                "outcome": row.outcome,
                "reason": row.reason,
            }
        )


class ImportSamples(BaseModel):
    """The first rows of each kind."""

    create: list[ImportRowOut]
    update: list[ImportRowOut]
    unchanged: list[ImportRowOut]


class ImportOut(BaseModel):
    """A file and what it would do to the catalogue; `job` is the latest that applies it."""

    id: uuid.UUID
    filename: str
    mode: ImportMode
    size_bytes: int
    columns: ImportColumns
    counts: ImportCounts
    samples: ImportSamples
    errors: list[RowError]
    total_errors: int
    job: JobOut | None
    created_by: str
    created_at: dt.datetime

    @classmethod
    def from_parts(
        cls,
        found: ProductImport,
        samples: ImportSamples,
        with_errors: Iterable[ProductImportRow],
        total_errors: int,
        job: Job | None,
    ) -> "ImportOut":
        errors = [RowError.model_validate({"row": row.row_no, **one}) for row in with_errors for one in row.errors]
        return cls(
            id=found.id,
            filename=found.filename,
            mode=found.mode,
            size_bytes=found.size_bytes,
            columns=ImportColumns(recognised=found.recognised, ignored=found.ignored),
            counts=ImportCounts(
                create=found.n_create, update=found.n_update, unchanged=found.n_unchanged, error=found.n_error
            ),
            samples=samples,
            errors=errors[:ERRORS_SHOWN],
            total_errors=total_errors,
            job=JobOut.from_row(job) if job else None,
            created_by=found.created_by_name,
            created_at=found.created_at,
        )


class ImportStarted(BaseModel):
    """The job that applies an import."""

    job: JobOut
