"""What agents asked for and did is found by agent and age."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("agency", "0005_seal_old_entries"),
        ("control", "0008_costs_by_time"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="action",
            index=models.Index(
                condition=models.Q(("level", "auto"), _negated=True),
                fields=["agent", "-created_at"],
                name="control_action_asked",
            ),
        ),
        migrations.AddIndex(
            model_name="action",
            index=models.Index(
                condition=models.Q(("status", "done")),
                fields=["agent", "-finished_at"],
                name="control_action_done",
            ),
        ),
    ]
