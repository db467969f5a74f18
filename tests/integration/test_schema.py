"""The migrations make exactly the tables that the code declares."""

from alembic import command
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

import buybuddy.api
from buybuddy.infra.db import Base
from buybuddy.infra.db.migrate import alembic_config, current_revision, head_revision, upgrade_schema


def test_migrations_and_tables_agree_and_a_second_run_changes_nothing(dsn: str) -> None:
    assert buybuddy.api.ROUTES  # importing the API declares every table
    upgrade_schema(dsn)
    engine = create_engine(make_url(dsn).set(drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        assert current_revision(connection) == head_revision()
        config = alembic_config(connection)
        config.attributes["metadata"] = Base.metadata
        command.check(config)  # raises when a table, column or index differs
    engine.dispose()
