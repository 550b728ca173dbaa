"""The entries there were before seals wait to be sealed too."""

from django.db import migrations

FORWARD = """
INSERT INTO agency_auditunsealed (entry)
SELECT id FROM agency_auditentry
WHERE NOT EXISTS (SELECT FROM agency_auditseal WHERE entry = id)
ON CONFLICT DO NOTHING;
"""


class Migration(migrations.Migration):
    dependencies = [("agency", "0004_audit_seals")]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
