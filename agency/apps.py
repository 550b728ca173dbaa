from django.apps import AppConfig


class AgencyConfig(AppConfig):
    name = "agency"

    def ready(self) -> None:
        # Celery's app must exist before a shared task is called; checks register on import.
        from agency import celery, checks  # noqa: F401
