"""The role that the platform's own connections take on: every right on every table, but not to change audit rows.

A trigger refuses such changes already; the role stands where the table's owner could take the trigger off. Making a
role needs CREATEROLE, which the embedded server gives; elsewhere the trigger stands alone.
"""

import structlog
from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

APP_ROLE = "buybuddy_app"

# Run by every new connection, so it does nothing where there is no such role, or it is not ours to take.
TAKE_APP_ROLE = (
    "SELECT set_config('role', rolname, false) FROM pg_roles"
    f" WHERE rolname = '{APP_ROLE}' AND pg_has_role(current_user, oid, 'MEMBER')"
    " AND has_table_privilege(rolname, to_regclass('audit_events'), 'INSERT')"
)
_MAKE = (
    f"DO $$ BEGIN CREATE ROLE {APP_ROLE} NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
    f"GRANT {APP_ROLE} TO CURRENT_USER",
)
_GRANT = (
    f"GRANT USAGE ON SCHEMA public TO {APP_ROLE}",
    f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {APP_ROLE}",
    f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {APP_ROLE}",
    f"REVOKE UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON audit_events FROM {APP_ROLE}",
)

log = structlog.get_logger(__name__)


def prepare_app_role(connection: Connection) -> bool:
    """Make the role where that is allowed, and give it its rights on every table that there is.

    Returns: whether it is there. Runs after the migrations, under their lock.
    """
    try:
        for statement in (*_MAKE, *_GRANT):
            connection.execute(text(statement))
        connection.commit()
    except ProgrammingError as error:
        connection.rollback()
        log.warning("app_role.not_made", detail=f"Audit rows are kept by a trigger alone: {error.orig}")
        return False
    return True
