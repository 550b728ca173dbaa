"""Pipeline registers its action kinds, rules and jobs when Django starts."""

from django.apps import AppConfig


class PipelineConfig(AppConfig):
    """From prospects to deals."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "pipeline"

    def ready(self) -> None:
        """Register what this app adds to the house."""
        import pipeline.compliance
        import pipeline.intake
        import pipeline.kinds
        import pipeline.leads  # noqa: F401 - all four register themselves
