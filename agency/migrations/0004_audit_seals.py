"""Each new entry waits, by trigger, to be sealed; seals can only be added.

The trigger acts as the owner, so that whoever may write an entry need not be able to write here.
"""

from django.conf import settings
from django.db import migrations, models

FORWARD = """
CREATE FUNCTION agency_await_seal() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.agency_auditunsealed (entry) VALUES (NEW.id);
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION agency_await_seal() FROM PUBLIC;
CREATE TRIGGER agency_auditentry_await_seal
    AFTER INSERT ON agency_auditentry
    FOR EACH ROW EXECUTE FUNCTION agency_await_seal();
CREATE TRIGGER agency_auditseal_append_only
    BEFORE UPDATE OR DELETE ON agency_auditseal
    FOR EACH ROW EXECUTE FUNCTION agency_forbid_change();
CREATE TRIGGER agency_auditseal_no_truncate
    BEFORE TRUNCATE ON agency_auditseal
    FOR EACH STATEMENT EXECUTE FUNCTION agency_forbid_change();
ALTER TABLE agency_auditunsealed SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000
);
"""

BACKWARD = """
DROP TRIGGER agency_auditentry_await_seal ON agency_auditentry;
DROP FUNCTION agency_await_seal();
"""


def leave_the_app_what_it_needs(apps, schema_editor):
    if settings.APP_ROLE == settings.OWNER_ROLE:
        return
    app = schema_editor.connection.ops.quote_name(settings.APP_ROLE)
    schema_editor.execute(f"REVOKE INSERT, UPDATE ON agency_auditunsealed FROM {app}")
    schema_editor.execute(f"REVOKE UPDATE, DELETE ON agency_auditseal FROM {app}")


class Migration(migrations.Migration):
    dependencies = [("agency", "0003_client_row_security")]
    operations = [
        migrations.CreateModel(
            name="AuditUnsealed",
            fields=[("entry", models.BigIntegerField(primary_key=True, serialize=False))],
            options={
                "verbose_name": "unsealed audit entry",
                "verbose_name_plural": "unsealed audit entries",
            },
        ),
        migrations.CreateModel(
            name="AuditSeal",
            fields=[
                ("seq", models.BigIntegerField(primary_key=True, serialize=False)),
                ("entry", models.BigIntegerField(unique=True)),
                ("prev", models.CharField(max_length=64)),
                ("hash", models.CharField(max_length=64)),
            ],
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
        migrations.RunPython(leave_the_app_what_it_needs, migrations.RunPython.noop),
    ]
