from django.db import migrations

FUNCTION = """
CREATE OR REPLACE FUNCTION jobs_archive_prune(keep_days integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    old text;
    dropped integer := 0;
BEGIN
    FOR old IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'jobs_archive'::regclass
          AND {day} < (now() AT TIME ZONE 'UTC')::date - greatest(keep_days, 7)
    LOOP
        EXECUTE format('DROP TABLE %I', old);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$;
"""
READ = "to_date(right(c.relname, 8), 'YYYYMMDD')"
# A plan may read the day off every relation's name before it knows which are partitions.
ONLY_DAYS = f"CASE WHEN c.relname ~ '^jobs_archive_[0-9]{{8}}$' THEN {READ} END"


class Migration(migrations.Migration):
    dependencies = [("jobs", "0006_limit_not_none")]
    operations = [
        migrations.RunSQL(FUNCTION.replace("{day}", ONLY_DAYS), FUNCTION.replace("{day}", READ))
    ]
