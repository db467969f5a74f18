"""Write a transaction's events in one call"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# The lock (outbox.py says why) is taken by the first statement, the rows are written by the second.
EMIT_EVENTS = """
CREATE FUNCTION emit_events(lock_id bigint, channel text, emitted jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(lock_id);
    INSERT INTO events (topic, payload)
    SELECT e.value->>0, e.value->1 FROM jsonb_array_elements(emitted) WITH ORDINALITY AS e ORDER BY e.ordinality;
    PERFORM pg_notify(channel, '');
END $$
"""


def upgrade() -> None:
    op.execute(sa.text(EMIT_EVENTS.replace(":", "\\:")))


def downgrade() -> None:
    raise NotImplementedError("Older programs run on this schema as it is.")
