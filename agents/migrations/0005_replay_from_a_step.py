"""A replay may keep what earlier steps decided; runs are found by agent, state and age."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("agency", "0005_seal_old_entries"),
        ("agents", "0004_costs_by_time"),
    ]

    operations = [
        migrations.AddField(
            model_name="run",
            name="from_step",
            field=models.PositiveSmallIntegerField(
                blank=True, help_text="A replay decided anew from this step on.", null=True
            ),
        ),
        migrations.AddField(
            model_name="step",
            name="decided",
            field=models.JSONField(
                blank=True,
                default=list,
                help_text="[{value, engine}], for a replay from a later step.",
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(fields=["agent", "-id"], name="agents_run_newest"),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(fields=["agent", "status", "-id"], name="agents_run_by_status"),
        ),
    ]
