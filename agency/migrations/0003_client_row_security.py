"""The tenant role sees its own client's row and nothing else."""

from django.conf import settings
from django.db import migrations


def quoted(schema_editor, name):
    return schema_editor.connection.ops.quote_name(name)


def forward(apps, schema_editor):
    tenant = quoted(schema_editor, settings.TENANT_ROLE)
    app = quoted(schema_editor, settings.APP_ROLE)
    owner = quoted(schema_editor, settings.OWNER_ROLE)
    schema_editor.execute(
        f"""
        ALTER TABLE agency_client ENABLE ROW LEVEL SECURITY;
        ALTER TABLE agency_client FORCE ROW LEVEL SECURITY;
        GRANT SELECT ON agency_client TO {tenant};
        CREATE POLICY client_tenant ON agency_client FOR SELECT TO {tenant}
            USING (id = NULLIF(current_setting('app.client', true), '')::bigint);
        CREATE POLICY client_app ON agency_client TO {app} USING (true) WITH CHECK (true);
        CREATE POLICY client_owner ON agency_client TO {owner} USING (true) WITH CHECK (true);
        """
    )


def backward(apps, schema_editor):
    tenant = quoted(schema_editor, settings.TENANT_ROLE)
    schema_editor.execute(
        f"""
        DROP POLICY client_owner ON agency_client;
        DROP POLICY client_app ON agency_client;
        DROP POLICY client_tenant ON agency_client;
        REVOKE SELECT ON agency_client FROM {tenant};
        ALTER TABLE agency_client NO FORCE ROW LEVEL SECURITY;
        ALTER TABLE agency_client DISABLE ROW LEVEL SECURITY;
        """  # noqa: S608 - names, quoted
    )


class Migration(migrations.Migration):
    dependencies = [("agency", "0002_audit_append_only")]
    operations = [migrations.RunPython(forward, backward)]
