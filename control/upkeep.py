"""Recurring jobs of control; importing this registers all its job kinds."""

from agency import seals
from control import (
    actions,
    alerts,
    approvals,
    digest,
    execution,
    outgoing_alerts,
    promotions,
    undo_range,
)
from jobs import registry
from jobs.lease import Lease
from jobs.models import Job, Lane

__all__ = ["alerts", "digest", "execution", "outgoing_alerts", "tidy", "undo_range"]


@registry.register("control.tidy", lane=Lane.FAST, short=True)
def tidy(job: Job, lease: Lease) -> None:
    """Let undecided proposals lapse; look again at those held back, and at what was promoted."""
    approvals.expire()
    promotions.look()
    actions.rejudge_held()


@registry.register("control.seal", lane=Lane.BULK)
def seal(job: Job, lease: Lease) -> None:
    """Seal what the audit trail gained. Not short: each 5,000 entries are a commit of their own."""
    seals.seal()


registry.every(60, "control.tidy")
registry.every(30, "control.seal")
