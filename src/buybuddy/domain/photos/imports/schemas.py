"""What the API takes and answers about imports of photos."""

import datetime as dt
import uuid
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from buybuddy.domain.photos.imports.repository import ImportState
from buybuddy.domain.photos.imports.service import Outcome
from buybuddy.domain.photos.rules import LONGEST_SOURCE
from buybuddy.domain.photos.tables import PhotoImport, PhotoImportProblem


class PhotoImportIn(BaseModel):
    """What an import is called, and where its photos come from unless they say otherwise."""

    model_config = ConfigDict(extra="forbid")

    id: uuid.UUID | None = Field(
        None, description="Chosen by the client, so that the same import sent again is not begun twice."
    )
    label: str = Field(min_length=1, max_length=200, examples=["Baskets, May"])
    source: str = Field("upload", min_length=1, max_length=LONGEST_SOURCE, examples=["basket"])


class PhotoImportOut(BaseModel):
    """An import, and what became of its files so far."""

    id: uuid.UUID
    label: str = Field(examples=["Baskets, May"])
    source: str = Field(examples=["basket"])
    n_new: int = Field(description="Like the other counts without what was sent again, in the same request.")
    n_known: int = Field(description="The same bytes were here before.")
    n_refused: int = Field(description="No photos; see problems.")
    n_unread: int = Field(description="New ones that are still to be read.")
    is_being_read: bool = Field(description="False with unread ones: a job of the import has failed or was cancelled.")
    created_by: str
    created_at: dt.datetime

    @classmethod
    def from_row(cls, row: PhotoImport, state: ImportState) -> "PhotoImportOut":
        return cls(
            id=row.id,
            label=row.label,
            source=row.source,
            n_new=row.n_new,
            n_known=row.n_known,
            n_refused=row.n_refused,
            n_unread=state.n_unread,
            is_being_read=state.is_being_read,
            created_by=row.created_by_name,
            created_at=row.created_at,
        )


class PhotoProblemOut(BaseModel):
    """A file that is no photo, or a photo that cannot be read, or not have the external id that it was given."""

    name: str = Field(examples=["2026-05/notes.txt"])
    reason: str = Field(examples=["This is not a JPEG, PNG or WebP picture."])

    @classmethod
    def from_row(cls, row: PhotoImportProblem) -> "PhotoProblemOut":
        return cls(name=row.name, reason=row.reason)


class TakenPhotoOut(BaseModel):
    """What became of a file; `import_id` is of the import that brought the photo first."""

    name: str = Field(examples=["2026-05/basket-0412.jpg"])
    status: Literal["new", "known", "refused"]
    photo_id: uuid.UUID | None
    import_id: uuid.UUID | None
    reason: str | None = Field(
        description="Why it was refused, or not given its external id: another photo of the source has it.",
        examples=[None],
    )

    @classmethod
    def of(cls, outcome: Outcome) -> "TakenPhotoOut":
        return cls.model_validate(outcome, from_attributes=True)


class PhotosTakenOut(BaseModel):
    """What became of the files of a request, in their order, those of archives one by one."""

    import_id: uuid.UUID
    n_new: int
    n_known: int
    n_refused: int
    photos: list[TakenPhotoOut]

    @classmethod
    def of(cls, import_id: uuid.UUID, outcomes: list[Outcome]) -> "PhotosTakenOut":
        counts = {name: sum(one.status == name for one in outcomes) for name in ("new", "known", "refused")}
        return cls(
            import_id=import_id,
            n_new=counts["new"],
            n_known=counts["known"],
            n_refused=counts["refused"],
            photos=[TakenPhotoOut.of(one) for one in outcomes],
        )
