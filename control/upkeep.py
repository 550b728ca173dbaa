"""Recurring jobs of control; importing this registers all its job kinds."""

from control import actions, alerts, approvals, execution
from jobs import registry
from jobs.lease import Lease
from jobs.models import Job, Lane

__all__ = ["alerts", "execution", "tidy"]


@registry.register("control.tidy", lane=Lane.FAST, short=True)
def tidy(job: Job, lease: Lease) -> None:
    """Let undecided proposals lapse; look again at those policy held back."""
    approvals.expire()
    actions.rejudge_held()


registry.every(60, "control.tidy")
