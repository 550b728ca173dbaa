"""Alerts: when and over what the operator is told, and repeats counted without waiting."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("control", "0002_decision_kept"),
    ]

    operations = [
        migrations.CreateModel(
            name="AlertRepeat",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("dedupe_key", models.CharField(max_length=200)),
                (
                    "severity",
                    models.CharField(
                        choices=[
                            ("info", "Info"),
                            ("warning", "Warning"),
                            ("critical", "Critical"),
                        ],
                        max_length=8,
                    ),
                ),
                ("title", models.CharField(max_length=200)),
                ("body", models.TextField(blank=True, default="")),
                ("url", models.CharField(blank=True, default="", max_length=300)),
                ("times", models.PositiveIntegerField(default=1)),
                ("seen_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Notice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "key",
                    models.CharField(
                        help_text="What it must be only once for.", max_length=120, unique=True
                    ),
                ),
                (
                    "channel",
                    models.CharField(
                        choices=[
                            ("mail", "Mail"),
                            ("webhook", "Webhook"),
                            ("escalation", "Escalation mail"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("sending", "Sending"),
                            ("sent", "Sent"),
                            ("unknown", "may have arrived"),
                            ("failed", "Failed"),
                            ("dropped", "no longer needed"),
                        ],
                        default="queued",
                        max_length=7,
                    ),
                ),
                ("subject", models.CharField(max_length=300)),
                ("text", models.TextField()),
                ("url", models.CharField(blank=True, default="", max_length=300)),
                ("error", models.TextField(blank=True, default="")),
                ("created_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.RemoveField(
            model_name="alert",
            name="mailed_at",
        ),
        migrations.AddField(
            model_name="alert",
            name="count_when_told",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="alert",
            name="escalated_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="alert",
            name="next_notify_at",
            field=models.DateTimeField(
                blank=True, help_text="When the operator is told again; never if empty.", null=True
            ),
        ),
        migrations.AddField(
            model_name="alert",
            name="notified_count",
            field=models.PositiveIntegerField(
                default=0, help_text="How often the operator was told."
            ),
        ),
        migrations.AddField(
            model_name="alert",
            name="snoozed_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(
                condition=models.Q(("acknowledged_at", None), ("next_notify_at__isnull", False)),
                fields=["next_notify_at"],
                name="control_alert_due",
            ),
        ),
        migrations.AddField(
            model_name="notice",
            name="alert",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="notices",
                to="control.alert",
            ),
        ),
        migrations.AddIndex(
            model_name="notice",
            index=models.Index(fields=["channel", "-ended_at"], name="control_notice_latest"),
        ),
        migrations.AddIndex(
            model_name="notice",
            index=models.Index(fields=["created_at"], name="control_notice_recent"),
        ),
    ]
