"""Lock and count the slots of a type in one call, and lock a job with them in one"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# The count is a statement of its own: it sees what was committed before the lock was had.
LOCK_SLOTS = """
CREATE FUNCTION lock_slots(
    lock_class integer, job_type text, OUT max_concurrent integer, OUT current_count bigint, OUT counted_at timestamptz
) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(lock_class, hashtext(job_type));
    SELECT l.max_concurrent INTO max_concurrent FROM job_limits l WHERE l.type = job_type;
    SELECT count(*) INTO current_count FROM jobs j WHERE j.type = job_type AND j.status IN ('queued', 'processing');
    counted_at = clock_timestamp();
END $$
"""
LOCK_JOB = """
CREATE FUNCTION lock_job(lock_class integer, job_id uuid) RETURNS SETOF jobs LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(lock_class, hashtext(j.type)) FROM jobs j WHERE j.id = job_id;
    RETURN QUERY SELECT * FROM jobs j WHERE j.id = job_id FOR UPDATE;
END $$
"""


def upgrade() -> None:
    op.execute(sa.text(LOCK_SLOTS))
    op.execute(sa.text(LOCK_JOB))


def downgrade() -> None:
    raise NotImplementedError("Older programs run on this schema as it is.")
