"""The fault tests add their kinds of action and job to the product's."""

from django.apps import AppConfig


class ChaosConfig(AppConfig):
    """Effects that leave a trace outside, and rows."""

    name = "chaos"

    def ready(self) -> None:
        """Register them."""
        import chaos.kinds  # noqa: F401 - registers itself
