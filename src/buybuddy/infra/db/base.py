"""What every table has in common."""

import datetime as dt
import uuid

from sqlalchemy import DateTime, MetaData, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    # What the server fills in comes back with the write, not by another round trip.
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012 - SQLAlchemy reads it from the class
    type_annotation_map = {dt.datetime: DateTime(timezone=True)}  # noqa: RUF012 - SQLAlchemy reads it from the class


class CreatedAt:
    """When the row came to be, by the database's clock."""

    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class EditedRow(CreatedAt):
    """A row that people edit; a trigger moves both columns on every update (migration 0001)."""

    updated_at: Mapped[dt.datetime] = mapped_column(server_default=func.now(), server_onupdate=func.now())
    version: Mapped[int] = mapped_column(server_default="1", server_onupdate=func.now())


def new_id() -> uuid.UUID:
    """Return a fresh primary key."""
    return uuid.uuid4()
