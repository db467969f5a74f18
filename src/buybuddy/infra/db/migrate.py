"""Bring the schema up to date; several processes may ask at once, one does it."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from buybuddy.errors import Unavailable
from buybuddy.infra.db.app_role import prepare_app_role

MIGRATION_LOCK_ID = 0x62756464_0002


def alembic_config(connection: Connection) -> Config:
    """Build Alembic's configuration around an open connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def upgrade_schema(dsn: str) -> None:
    """Run every migration that is still to be run. Raises: Unavailable."""
    engine = create_engine(make_url(dsn).set(drivername="postgresql+psycopg"))
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK_ID})
            connection.commit()
            command.upgrade(alembic_config(connection), "head")
            connection.commit()
            prepare_app_role(connection)
    except OperationalError as error:
        raise Unavailable(f"The database cannot be reached: {error.orig}") from error
    finally:
        engine.dispose()


def head_revision() -> str:
    """Return the revision that this code expects."""
    directory = ScriptDirectory(str(Path(__file__).parent / "migrations"))
    head = directory.get_current_head()
    if head is None:
        raise RuntimeError("The package carries no migrations.")
    return head


def current_revision(connection: Connection) -> str | None:
    """Return the revision that the database is at."""
    return MigrationContext.configure(connection).get_current_revision()
