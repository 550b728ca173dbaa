"""Forms for API keys and outgoing webhooks, and the events these may take."""

from typing import Any

from django import forms

from agency import api_keys
from agency.models import Client

EVENTS = {
    "Prospects": {
        "prospect.added": "A prospect was added",
        "prospect.researched": "It was researched",
        "email.sent": "A mail of a sequence went out",
        "reply.received": "Somebody answered a cold mail",
        "prospect.declined": "It says no, or does not want to be written to",
    },
    "Leads": {
        "lead.received": "A lead came in",
        "lead.qualified": "It qualifies",
        "lead.needs_review": "Its score is yours to judge",
        "lead.disqualified": "It does not qualify",
        "lead.answered": "Its first answer went out",
        "lead.wrote": "It wrote back",
    },
    "Calls": {
        "meeting.booked": "A call was booked",
        "meeting.moved": "It was moved",
        "meeting.cancelled": "It was cancelled",
        "meeting.missed": "Nobody came",
        "meeting.held": "It was held",
    },
    "Deals": {
        "deal.opened": "A deal was opened",
        "deal.noted": "Notes or a transcript came in",
        "deal.stage_changed": "It moved to another stage",
        "proposal.sent": "A proposal went out",
        "proposal.seen": "It was opened for the first time",
        "proposal.signed": "It was signed",
        "proposal.declined": "It was declined",
        "deal.won": "A deal was won: there is a client",
        "deal.lost": "A deal was lost",
    },
    "Money": {
        "payment.succeeded": "A payment came in",
        "payment.failed": "A payment was declined",
        "payment.refunded": "One was paid back",
    },
    "Approvals": {
        "action.waiting": "Something waits for your decision",
        "action.done": "An action was done",
        "action.rejected": "You turned one down",
        "action.sent_back": "You sent one back to its agent",
    },
    "All": {"*": "Everything, and what is added later"},
}
"""What may be chosen, by what it is about: the event's name and what it means."""


class KeyForm(forms.Form):
    """A new API key."""

    name = forms.CharField(
        max_length=60, label="Name", help_text="Which program has it; it stands in the trail."
    )
    scopes = forms.MultipleChoiceField(
        choices=list(api_keys.SCOPES.items()),
        label="What it may do",
        error_messages={"required": "Choose at least one thing that it may do."},
    )
    client = forms.ModelChoiceField(
        Client.objects.all(),
        required=False,
        empty_label="Everything",
        label="Whose records it sees",
    )


class EndpointForm(forms.Form):
    """A new outgoing webhook, or what one takes from now on."""

    url = forms.CharField(
        max_length=500,
        label="Address",
        help_text="https, reachable from the internet.",
        widget=forms.URLInput(attrs={"placeholder": "https://"}),
    )
    events = forms.MultipleChoiceField(
        choices=[(group, list(names.items())) for group, names in EVENTS.items()],
        label="Events",
        error_messages={"required": "Choose at least one event."},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = self.data.getlist("events") if self.is_bound else self.initial.get("events", [])  # type: ignore[attr-defined]
        self.groups = [
            (group, [(name, words, name in chosen) for name, words in names.items()])
            for group, names in EVENTS.items()
        ]


class NewEndpointForm(EndpointForm):
    """A new outgoing webhook."""

    name = forms.CharField(max_length=60, label="Name", help_text="Which system takes it.")
    client = forms.ModelChoiceField(
        Client.objects.all(), required=False, empty_label="Everything", label="Whose events"
    )
    field_order = ["name", "url", "client", "events"]
