"""Storage settings for a table whose every row is updated several times and then moved away."""

from django.db import migrations

FORWARD = """
ALTER TABLE jobs_job SET (
    fillfactor = 80,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 500,
    autovacuum_analyze_scale_factor = 0.05
);
ALTER TABLE jobs_worker SET (fillfactor = 50);
"""

BACKWARD = """
ALTER TABLE jobs_job RESET (
    fillfactor, autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold,
    autovacuum_analyze_scale_factor
);
ALTER TABLE jobs_worker RESET (fillfactor);
"""


class Migration(migrations.Migration):
    dependencies = [("jobs", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
