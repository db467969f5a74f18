"""Lock and count the slots of a type in one call, and lock a job with them in one"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# Counts are statements of their own after the lock: they see what was committed before it was had. Far from the limit the
# lock is shared: each connection can add one job at most, so that all together they cannot reach it. Who finds
# the limit near after all gives the shared lock back with the subtransaction, and waits for the whole one.
LOCK_SLOTS = """
CREATE FUNCTION lock_slots(
    lock_class integer, job_type text, may_share boolean,
    OUT max_concurrent integer, OUT current_count bigint, OUT counted_at timestamptz
) LANGUAGE plpgsql AS $$
DECLARE
    margin CONSTANT integer := current_setting('max_connections')::integer;
    attempt integer;
BEGIN
    IF may_share THEN
        BEGIN
            FOR attempt IN 1..2 LOOP
                SELECT l.max_concurrent INTO max_concurrent FROM job_limits l WHERE l.type = job_type;
                SELECT count(*) INTO current_count FROM jobs j
                WHERE j.type = job_type AND j.status IN ('queued', 'processing');
                IF coalesce(max_concurrent - current_count, 0) <= margin THEN
                    RAISE EXCEPTION USING ERRCODE = 'BB001';
                END IF;
                IF attempt = 1 THEN
                    PERFORM pg_advisory_xact_lock_shared(lock_class, hashtext(job_type));
                END IF;
            END LOOP;
            counted_at = clock_timestamp();
            RETURN;
        EXCEPTION WHEN SQLSTATE 'BB001' THEN
            NULL;
        END;
    END IF;
    PERFORM pg_advisory_xact_lock(lock_class, hashtext(job_type));
    SELECT l.max_concurrent INTO max_concurrent FROM job_limits l WHERE l.type = job_type;
    SELECT count(*) INTO current_count FROM jobs j WHERE j.type = job_type AND j.status IN ('queued', 'processing');
    counted_at = clock_timestamp();
END $$
"""
LOCK_JOB = """
CREATE FUNCTION lock_job(lock_class integer, job_id uuid, is_shared boolean) RETURNS SETOF jobs LANGUAGE plpgsql AS $$
BEGIN
    IF is_shared THEN
        PERFORM pg_advisory_xact_lock_shared(lock_class, hashtext(j.type)) FROM jobs j WHERE j.id = job_id;
    ELSE
        PERFORM pg_advisory_xact_lock(lock_class, hashtext(j.type)) FROM jobs j WHERE j.id = job_id;
    END IF;
    RETURN QUERY SELECT * FROM jobs j WHERE j.id = job_id FOR UPDATE;
END $$
"""


def upgrade() -> None:
    op.execute(sa.text(LOCK_SLOTS.replace(":=", "\\:=").replace("::", "\\:\\:")))
    op.execute(sa.text(LOCK_JOB))


def downgrade() -> None:
    raise NotImplementedError("Older programs run on this schema as it is.")
