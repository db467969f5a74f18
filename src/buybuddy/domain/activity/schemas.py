"""What the API says of activity."""

import datetime as dt
import uuid

from pydantic import BaseModel

from buybuddy.infra.db.outbox import AuditRow


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
