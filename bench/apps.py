"""The bench adds its kinds of job to the product's."""

from django.apps import AppConfig


class BenchConfig(AppConfig):
    """Jobs that do nothing, or little."""

    name = "bench"

    def ready(self) -> None:
        """Register them."""
        import bench.kinds  # noqa: F401 - registers itself
