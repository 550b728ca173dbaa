"""Alerts that are open are told again now, by the jobs that do so from here on."""

from django.db import migrations

FORWARD = """
UPDATE control_alert SET next_notify_at = now(), notified_count = 1, count_when_told = count
WHERE acknowledged_at IS NULL AND severity <> 'info';
UPDATE jobs_job SET status = 'cancelled', finished_at = now()
WHERE kind = 'control.mail_alert' AND status IN ('scheduled', 'available', 'retryable', 'held');
"""


class Migration(migrations.Migration):
    dependencies = [("control", "0003_alert_notices"), ("jobs", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
