"""What an import says of its photos."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from buybuddy.domain.photos.rules import LONGEST_NAME, LONGEST_SOURCE, plain_name
from buybuddy.errors import InvalidInput

MOST_ROWS = 10_000
FIRST_YEAR, LAST_YEAR = 1900, 2199


def check_moment(moment: dt.datetime) -> dt.datetime:
    """Return a moment in UTC when it names no zone. Raises: ValueError for one in which nobody took photos."""
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"no photo is of the year {moment.year}")
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)


Moment = Annotated[dt.datetime, AfterValidator(check_moment)]


class PhotoRow(BaseModel):
    """What is known of the file with this name; empty fields say nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=LONGEST_NAME)
    source: str | None = Field(None, max_length=LONGEST_SOURCE)
    captured_at: Moment | None = None
    barcode: str | None = Field(None, pattern=r"^[0-9A-Za-z]{0,32}$")
    external_id: str | None = Field(None, max_length=200)


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
    """Return the rows of a request by name. Raises: InvalidInput."""
    if not text:
        return {}
    try:
        rows: Sequence[PhotoRow] = ROWS.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"rows{'.' if where else ''}{where}: {first['msg']}") from error
    return {plain_name(row.name): row for row in rows}
