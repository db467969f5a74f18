"""What an import says of its photos."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter

from buybuddy.domain.photos.rules import LONGEST_NAME, LONGEST_SOURCE, plain_name

MOST_ROWS = 10_000
FIRST_YEAR, LAST_YEAR = 1900, 2199


def refuse_number(value: object) -> object:
    """Return what may be a moment. Raises: ValueError for a number, which would be taken for seconds since 1970."""
    if isinstance(value, int | float) or (isinstance(value, str) and _is_number(value)):
        raise ValueError("a number alone is no time; write one like 2026-05-04T09:30:00")
    return value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def check_moment(moment: dt.datetime) -> dt.datetime:
    """Return a moment in UTC when it names no zone. Raises: ValueError for one in which nobody took photos."""
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"no photo is of the year {moment.year}")
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)


def check_text(text: str) -> str:
    """Return a text. Raises: ValueError for one that the database cannot hold."""
    if "\x00" in text:
        raise ValueError("text cannot hold the character NUL")
    return text


Moment = Annotated[dt.datetime, BeforeValidator(refuse_number), AfterValidator(check_moment)]
SourceName = Annotated[str, Field(max_length=LONGEST_SOURCE), AfterValidator(check_text)]
ExternalId = Annotated[str, Field(max_length=200), AfterValidator(check_text)]


class PhotoRow(BaseModel):
    """What is known of the file with this name; empty fields say nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=LONGEST_NAME)
    source: SourceName | None = None
    captured_at: Moment | None = None
    barcode: str | None = Field(None, pattern=r"^[0-9A-Za-z]{0,32}$")
    external_id: ExternalId | None = None


ROWS: TypeAdapter[list[PhotoRow]] = TypeAdapter(Annotated[list[PhotoRow], Field(max_length=MOST_ROWS)])


@dataclass(frozen=True)
class ImportFacts:
    """What holds for all files of a request, and what for each by its name."""

    source: str
    captured_at: dt.datetime | None = None
    rows: Mapping[str, PhotoRow] = field(default_factory=dict)

    def of(self, name: str) -> dict[str, object]:
        """Return the columns of a file's photo that are known."""
        row = self.rows.get(name) or PhotoRow(name=name)
        return {
            "source": row.source or self.source,
            "captured_at": row.captured_at or self.captured_at,
            "barcode": row.barcode or None,
            "external_id": row.external_id or None,
        }


def read_rows(text: str | None) -> dict[str, PhotoRow]:
    """Return the rows of a request by name. Raises: ValidationError."""
    return {plain_name(row.name): row for row in ROWS.validate_json(text)} if text else {}
