"""Finds the failures among any number of cancelled jobs."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0004_archive")]
    operations = [
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                condition=models.Q(("status", "discarded")),
                fields=["finished_at"],
                name="jobs_job_discarded",
            ),
        ),
    ]
