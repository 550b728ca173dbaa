"""The jobs queue."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    """Durable work in Postgres."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "jobs"

    def ready(self) -> None:
        """Register the queue's own jobs."""
        import jobs.archive
        import jobs.intake
        import jobs.operate
        import jobs.posting  # noqa: F401 - all register themselves
