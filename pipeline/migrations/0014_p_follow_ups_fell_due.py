"""A follow-up falls due once; a PDF is found by its hash."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("pipeline", "0013_k_lead_unbooked"),
    ]

    operations = [
        migrations.AddField(
            model_name="proposal",
            name="fell_due",
            field=models.PositiveSmallIntegerField(
                default=0, help_text="So many follow-ups fell due, gone or not."
            ),
        ),
        migrations.AlterField(
            model_name="signature",
            name="pdf_sha256",
            field=models.CharField(db_index=True, help_text="Hex.", max_length=64),
        ),
    ]
