"""Calls are booked on the app's own page unless the operator has another: the sample has none."""

from typing import Any

from django.db import migrations, models

SAMPLE = "https://northwind.example/book"


def forget_sample(apps: Any, schema_editor: Any) -> None:
    profile = apps.get_model("agency", "AgencyProfile")
    profile.objects.filter(booking_url=SAMPLE).update(booking_url="")


class Migration(migrations.Migration):
    dependencies = [("agency", "0009_a_api_keys")]
    operations = [
        migrations.AlterField(
            model_name="agencyprofile",
            name="booking_url",
            field=models.URLField(
                blank=True,
                default="",
                help_text="Where calls are booked instead of on this app's own page; empty: there.",
            ),
        ),
        migrations.RunPython(forget_sample, migrations.RunPython.noop),
    ]
