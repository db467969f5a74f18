"""Accounts: many users, sessions that a person can recognise, keys with scopes, an audit trail that can be searched"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The index of 0001 was on the constant 'username', so there could be one user only.
    op.drop_index("uq_users_username_lower", table_name="users")
    op.create_index("uq_users_username_lower", "users", [sa.text("lower(username)")], unique=True)
    op.create_index("uq_users_email_lower", "users", [sa.text("lower(email)")], unique=True)
    op.create_index("ix_users_role", "users", ["role"], postgresql_where=sa.text("disabled_at IS NULL"))

    op.add_column("sessions", sa.Column("address", sa.String(), nullable=True))
    op.add_column("sessions", sa.Column("user_agent", sa.String(), nullable=True))
    op.add_column("sessions", sa.Column("upstream_token", sa.LargeBinary(), nullable=True))

    op.add_column("api_keys", sa.Column("scopes", postgresql.ARRAY(sa.String()), nullable=True))
    op.add_column("api_keys", sa.Column("is_console", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.create_check_constraint(op.f("ck_api_keys_role"), "api_keys", "role IN ('viewer','operator','engineer','admin')")

    op.drop_index("ix_audit_events_at", table_name="audit_events")
    op.drop_index("ix_audit_events_subject", table_name="audit_events")
    op.create_index("ix_audit_events_at", "audit_events", ["at", "id"])
    op.create_index("ix_audit_events_subject", "audit_events", ["subject_kind", "subject_id", "at", "id"])
    op.create_index("ix_audit_events_actor", "audit_events", ["actor_name", "at", "id"])
    op.create_index("ix_audit_events_action", "audit_events", ["action", "at", "id"])
    op.execute(
        "CREATE TRIGGER keep_all BEFORE TRUNCATE ON audit_events FOR EACH STATEMENT EXECUTE FUNCTION keep_audit()"
    )


def downgrade() -> None:
    raise NotImplementedError("Older programs run on this schema as it is.")
