"""The audit trail can only grow: neither update nor delete nor truncate, whoever asks."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION agency_forbid_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER agency_auditentry_append_only
    BEFORE UPDATE OR DELETE ON agency_auditentry
    FOR EACH ROW EXECUTE FUNCTION agency_forbid_change();
CREATE TRIGGER agency_auditentry_no_truncate
    BEFORE TRUNCATE ON agency_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION agency_forbid_change();
"""

BACKWARD = """
DROP TRIGGER agency_auditentry_no_truncate ON agency_auditentry;
DROP TRIGGER agency_auditentry_append_only ON agency_auditentry;
DROP FUNCTION agency_forbid_change();
"""


class Migration(migrations.Migration):
    dependencies = [("agency", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
