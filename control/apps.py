"""Control registers its jobs when Django starts."""

from django.apps import AppConfig


class ControlConfig(AppConfig):
    """What keeps the fleet safe."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "control"

    def ready(self) -> None:
        """Register job kinds, schedules and subscriptions."""
        import control.upkeep  # noqa: F401 - needs the models
