"""HTTP of who is where."""

import datetime as dt
import uuid
from typing import Annotated, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field, model_validator

from buybuddy.domain.accounts.access import Viewer
from buybuddy.domain.collaboration.locks.schemas import PersonOut
from buybuddy.domain.collaboration.presence import repository, service
from buybuddy.domain.collaboration.presence.moves import TooManyMoves
from buybuddy.domain.collaboration.presence.repository import Person
from buybuddy.domain.collaboration.rules import Place
from buybuddy.domain.collaboration.tabs import TAB_BODY, HolderDep, holder_of
from buybuddy.errors import InvalidInput, PayloadTooLarge
from buybuddy.infra.http import Page, SessionDep, page_of_all, refusals

router = APIRouter(prefix="/presence", tags=["presence"])

PAGE_PATTERN = r"^[\x21-\x7e]+$"
KIND_PATTERN = r"^[a-z_]+$"


class PresenceIn(BaseModel):
    """Where a tab is."""

    page: str = Field(max_length=200, pattern=PAGE_PATTERN, examples=["/products/detail"])
    resource_type: str | None = Field(None, max_length=40, pattern=KIND_PATTERN, examples=["product"])
    resource_id: uuid.UUID | None = None
    tab_id: str = Field("", max_length=64, pattern=r"^[A-Za-z0-9_-]*$", examples=["k3J9x"])

    @model_validator(mode="after")
    def _names_a_whole_resource(self) -> Self:
        if (self.resource_type is None) != (self.resource_id is None):
            raise ValueError("resource_type and resource_id go together")
        return self


class PersonHere(BaseModel):
    """Somebody who was seen at a place within the last minute."""

    user: PersonOut
    page: str
    resource_type: str | None
    resource_id: uuid.UUID | None
    since: dt.datetime
    seen_s_ago: float

    @classmethod
    def of(cls, person: Person) -> "PersonHere":
        place = person.place
        return cls(
            user=PersonOut(id=person.user_id, username=person.username),
            page=place.page,
            resource_type=place.resource_type,
            resource_id=place.resource_id,
            since=person.since,
            seen_s_ago=round(max(0.0, person.seen_s_ago), 1),
        )


@router.put("", operation_id="bePresent", responses=refusals(InvalidInput, TooManyMoves))
async def be_present(body: PresenceIn, principal: Viewer, session: SessionDep) -> Page[PersonHere]:
    """Say where this tab is, every 20 s or so, and hear who else is there."""
    place = Place(body.page, body.resource_type, body.resource_id)
    await service.be_at(session, holder_of(principal, body.tab_id), place)
    people = await repository.list_people(session, place.page, place.resource_type, place.resource_id)
    return page_of_all([PersonHere.of(person) for person in people])


@router.get("", operation_id="listPresence", responses=refusals(InvalidInput))
async def list_presence(
    _: Viewer,
    session: SessionDep,
    page: Annotated[str | None, Query(max_length=200, pattern=PAGE_PATTERN)] = None,
    resource_type: Annotated[str | None, Query(max_length=40, pattern=KIND_PATTERN)] = None,
    resource_id: Annotated[uuid.UUID | None, Query()] = None,
) -> Page[PersonHere]:
    """List who was seen within the last minute on a page, at a resource, or, without either, anywhere."""
    if (resource_type is None) != (resource_id is None):
        raise InvalidInput("resource_type and resource_id go together.")
    people = await repository.list_people(session, page, resource_type, resource_id)
    return page_of_all([PersonHere.of(person) for person in people])


@router.post(
    "/leave",
    operation_id="leavePresence",
    status_code=204,
    openapi_extra=TAB_BODY,
    responses=refusals(InvalidInput, PayloadTooLarge),
)
async def leave_presence(_: Viewer, holder: HolderDep, session: SessionDep) -> None:
    """Say that this tab is being closed, by navigator.sendBeacon; the tab in the query or the text."""
    await service.leave(session, holder)
