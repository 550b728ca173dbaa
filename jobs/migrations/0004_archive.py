"""The archive of ended jobs, a partition a day, and the two functions that may change its shape.

The app's role owns no table, so what makes and drops partitions runs as the owner. A day's
partition is dropped whole: no row of it is ever deleted.
"""

from django.db import migrations

FORWARD = """
CREATE TABLE jobs_archive (
    id uuid NOT NULL,
    kind varchar(80) NOT NULL,
    payload jsonb NOT NULL,
    client_id bigint,
    flow bigint NOT NULL,
    subject_type varchar(80) NOT NULL,
    subject_id varchar(64) NOT NULL,
    tags varchar(120)[] NOT NULL,
    lane varchar(8) NOT NULL,
    short boolean NOT NULL,
    priority smallint NOT NULL,
    run_at timestamptz NOT NULL,
    status varchar(10) NOT NULL,
    attempt smallint NOT NULL,
    max_attempts smallint NOT NULL,
    unique_key varchar(200),
    correlation_id uuid NOT NULL,
    parent_id uuid,
    errors jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz NOT NULL
) PARTITION BY RANGE (finished_at);
CREATE INDEX jobs_archive_id ON jobs_archive (id);
CREATE INDEX jobs_archive_correlation ON jobs_archive (correlation_id);

CREATE FUNCTION jobs_archive_partition(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    name text := 'jobs_archive_' || to_char(day, 'YYYYMMDD');
BEGIN
    IF to_regclass(name) IS NULL THEN
        PERFORM pg_advisory_xact_lock(hashtext('jobs_archive'));
        EXECUTE format(
            'CREATE TABLE IF NOT EXISTS %I PARTITION OF jobs_archive FOR VALUES FROM (%L) TO (%L)',
            name, day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC');
    END IF;
END $$;

CREATE FUNCTION jobs_archive_prune(keep_days integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    old text;
    dropped integer := 0;
BEGIN
    FOR old IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'jobs_archive'::regclass
          AND to_date(right(c.relname, 8), 'YYYYMMDD')
              < (now() AT TIME ZONE 'UTC')::date - greatest(keep_days, 7)
    LOOP
        EXECUTE format('DROP TABLE %I', old);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$;

-- Untagged jobs take turns of their own, so that a stopped client's bookkeeping goes on.
UPDATE jobs_job SET flow = -flow - 1 WHERE tags = '{}' AND flow >= 0;
"""

BACKWARD = """
UPDATE jobs_job SET flow = -flow - 1 WHERE flow < 0;
DROP FUNCTION jobs_archive_prune(integer);
DROP FUNCTION jobs_archive_partition(date);
DROP TABLE jobs_archive;
"""


class Migration(migrations.Migration):
    dependencies = [("jobs", "0003_strength")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
