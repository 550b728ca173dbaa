"""A made-up fleet of eighteen, wired as the real one will be one day."""

from typing import Any

from agents.contract import Agent
from agents.wiring import Wiring, wire

ORIGINS = {
    "icp.due": "schedule",
    "lead.received": "webhook",
    "call.asked": "operator",
    "minute.passed": "schedule",
    "message.received": "webhook",
    "period.closed": "schedule",
    "payment.failed": "webhook",
    "month.began": "schedule",
    "day.began": "schedule",
    "week.began": "schedule",
    "plan.asked": "operator",
}

# name: quadrant, what it listens to, what it hands over
FLEET: dict[str, tuple[str, str, str]] = {
    "scout": ("acquire", "icp.due", "prospect.added"),
    "researcher": ("acquire", "prospect.added", "prospect.researched"),
    "outreach": ("acquire", "prospect.researched", "lead.received prospect.declined call.due"),
    "caller": ("acquire", "call.due call.asked", "call.finished"),
    "qualifier": ("acquire", "lead.received", "lead.qualified lead.needs_review lead.disqualified"),
    "booker": ("acquire", "lead.qualified", "meeting.booked meeting.held meeting.missed"),
    "closer": ("acquire", "meeting.held call.finished", "deal.won deal.lost"),
    "onboarder": ("serve", "deal.won", "client.ready"),
    "deployer": ("serve", "client.ready", "automation.live automation.rolled_back"),
    "monitor": ("serve", "minute.passed", "incident.opened incident.unresolved"),
    "supporter": ("serve", "message.received", "conversation.answered conversation.escalated"),
    "escalator": (
        "serve",
        "incident.unresolved conversation.escalated",
        "escalation.resolved",
    ),
    "invoicer": ("grow", "period.closed deal.won", "invoice.sent"),
    "collector": ("grow", "payment.failed invoice.sent", "invoice.paid invoice.written_off"),
    "upseller": ("grow", "month.began", "subscription.expanded"),
    "analyst": ("optimize", "day.began", "report.published anomaly.found"),
    "optimizer": ("optimize", "week.began anomaly.found", "config.changed"),
    "strategist": ("optimize", "month.began plan.asked", "strategy.accepted"),
}


def made_up(count: int = len(FLEET)) -> list[Agent[Any, Any]]:
    """Return the first `count` of the made-up fleet."""
    found = []
    for name, (quadrant, on, emits) in list(FLEET.items())[:count]:
        members = {
            "__doc__": f"Does what {name.capitalize()} does. One sentence of it.",
            "name": name,
            "quadrant": quadrant,
            "on": tuple(on.split()),
            "emits": tuple(emits.split()),
            "proposes": (),
            "reads": (),
            "never": (),
        }
        found.append(type(name.capitalize(), (Agent,), members)())
    return found


def wiring(count: int = len(FLEET)) -> Wiring:
    """Return how they are wired."""
    return wire(made_up(count), ORIGINS)
