"""The fleet is wired to its events when Django starts."""

from django.apps import AppConfig


class AgentsConfig(AppConfig):
    """Eighteen small agents, in time."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "agents"

    def ready(self) -> None:
        """Register job kinds and subscribe the agents."""
        import agents.replay
        import agents.retrain
        import agents.seed.around  # noqa: F401 - each registers its jobs
        from agents import runs

        runs.subscribe_fleet()
