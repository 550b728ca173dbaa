"""The jobs queue."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    """Durable work in Postgres."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "jobs"
