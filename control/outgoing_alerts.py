"""Alerts about outgoing webhooks: a message nobody took, an address that was switched off."""

from uuid import UUID

from control import alerts
from jobs import events, registry
from jobs.lease import Lease
from jobs.models import Event, Job, Lane

TITLES = {
    "webhook.given_up": "{endpoint} did not take an event for a day",
    "webhook.disabled": "The outgoing webhook “{endpoint}” was switched off",
}


@registry.register("control.alert_webhook", lane=Lane.FAST, short=True)
def alert_webhook(job: Job, lease: Lease) -> None:
    """Open an alert, one for each endpoint and cause."""
    event = Event.objects.get(pk=UUID(job.payload["event_id"]))
    what = f": {event.data['event']}" if "event" in event.data else ""
    alerts.report(
        f"{event.name}:{event.subject_id}",
        TITLES[event.name].format(**event.data),
        body=f"{event.data['why']}{what}",
        url=f"/settings/outgoing/{event.subject_id}/",
    )


for _name in TITLES:
    events.subscribe(_name, "control.alert_webhook")
