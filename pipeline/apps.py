"""Pipeline registers its action kinds, rules and jobs when Django starts."""

import importlib

from django.apps import AppConfig

REGISTER = (
    *("compliance", "intake", "kinds", "lead_imports", "leads"),
    *("finding.imports", "finding.posted", "finding.schedule"),
    *("meetings.booking", "meetings.calendar_sync"),
    *("mail.inbox", "mail.mailboxes", "mail.reports", "mail.sender_domains"),
    *("meetings.compliance", "meetings.due", "meetings.posted"),
    *("selling.due", "selling.won", "writing.outreach"),
)
"""The modules that register jobs, kinds of action or rules when they are imported."""


class PipelineConfig(AppConfig):
    """From prospects to deals."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "pipeline"

    def ready(self) -> None:
        """Register what this app adds to the house."""
        for name in REGISTER:
            importlib.import_module(f"pipeline.{name}")
