"""Billing registers its jobs when Django starts."""

import importlib

from django.apps import AppConfig

REGISTER = ("provider_events", "asking")
"""The modules that register jobs or events when they are imported."""


class BillingConfig(AppConfig):
    """Prices, contracts, subscriptions, payments."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "billing"

    def ready(self) -> None:
        """Register what this app adds to the house."""
        for name in REGISTER:
            importlib.import_module(f"billing.{name}")
