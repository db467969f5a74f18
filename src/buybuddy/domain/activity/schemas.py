"""What the API says of activity."""

import datetime as dt
import uuid
from typing import Annotated

from fastapi import Depends, Query
from pydantic import AwareDatetime, BaseModel

from buybuddy.domain.activity.repository import AuditFilters
from buybuddy.errors import InvalidInput
from buybuddy.infra.db.outbox import AuditRow

NO_NUL = r"^[^\x00]*$"


class ActivitySubject(BaseModel):
    kind: str
    id: uuid.UUID | None
    label: str


class ActivityOut(BaseModel):
    """Who did what to which row, when."""

    id: uuid.UUID
    at: dt.datetime
    actor: str
    action: str
    subject: ActivitySubject

    @classmethod
    def from_row(cls, row: AuditRow) -> "ActivityOut":
        subject = ActivitySubject(kind=row.subject_kind, id=row.subject_id, label=row.subject_label)
        return cls(id=row.id, at=row.at, actor=row.actor_name, action=row.action, subject=subject)


class AuditOut(ActivityOut):
    """An entry of the audit trail: also which fields had which values before and after, where there are any."""

    actor_id: uuid.UUID | None
    before: dict[str, object] | None
    after: dict[str, object] | None

    @classmethod
    def from_row(cls, row: AuditRow) -> "AuditOut":
        known = ActivityOut.from_row(row).model_dump()
        return cls(**known, actor_id=row.actor_id, before=row.before, after=row.after)


def audit_query(
    subject_kind: Annotated[
        str | None, Query(max_length=320, pattern=NO_NUL, description="As in product, video, job, user, api_key.")
    ] = None,
    subject_id: Annotated[uuid.UUID | None, Query(description="With subject_kind: the history of one row.")] = None,
    actor: Annotated[str | None, Query(max_length=320, pattern=NO_NUL, description="A username, or platform.")] = None,
    action: Annotated[
        str | None, Query(max_length=320, pattern=NO_NUL, description="As in product.edit or user.sign_in.")
    ] = None,
    since: Annotated[AwareDatetime | None, Query(alias="from", description="This moment and later.")] = None,
    until: Annotated[AwareDatetime | None, Query(alias="to", description="Before this moment.")] = None,
) -> AuditFilters:
    """Return which entries a request asks for. Raises: InvalidInput."""
    if subject_id is not None and subject_kind is None:
        raise InvalidInput("subject_id goes with subject_kind: say which kind of row it is.")
    return AuditFilters(subject_kind, subject_id, actor, action, since, until)


AuditQuery = Annotated[AuditFilters, Depends(audit_query)]
