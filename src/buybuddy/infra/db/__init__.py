"""The database: connection, tables' common ground, transactions with their outbox, migrations."""

from buybuddy.infra.db.base import Base, CreatedAt, EditedRow, new_id
from buybuddy.infra.db.database import Database, Session
from buybuddy.infra.db.outbox import Actor, Subject, emit, record_audit
from buybuddy.infra.db.trash import keep, take_trash, throw_away

__all__ = [
    "Actor",
    "Base",
    "CreatedAt",
    "Database",
    "EditedRow",
    "Session",
    "Subject",
    "emit",
    "keep",
    "new_id",
    "record_audit",
    "take_trash",
    "throw_away",
]
