from django.db import migrations
from django.db.models import F


def close(apps, schema_editor):
    """An agency with a profile of its own needs no guided start."""
    profiles = apps.get_model("agency", "AgencyProfile").objects.using(
        schema_editor.connection.alias
    )
    profiles.filter(is_sample=False).update(setup_closed_at=F("updated_at"))


class Migration(migrations.Migration):
    dependencies = [("agency", "0007_first_run")]

    operations = [migrations.RunPython(close, migrations.RunPython.noop)]
