"""A version of an agent's settings never changes; a change is a new version."""

from django.db import migrations

FORWARD = """
CREATE TRIGGER agents_agentconfig_immutable
    BEFORE UPDATE OR DELETE ON agents_agentconfig
    FOR EACH ROW EXECUTE FUNCTION agency_forbid_change();
"""

BACKWARD = "DROP TRIGGER agents_agentconfig_immutable ON agents_agentconfig;"


class Migration(migrations.Migration):
    dependencies = [("agents", "0001_initial"), ("agency", "0002_audit_append_only")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
