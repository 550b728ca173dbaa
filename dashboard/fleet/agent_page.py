"""What stands around every part of an agent's page: its name, its state, its tabs."""

from typing import Any

from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from agents import configs, fleet
from control import switches
from control.models import KillSwitch
from control.trust import Trust
from dashboard.fleet import roster
from dashboard.web import page

TABS = (
    ("overview", "Overview", "agent-detail"),
    ("runs", "Runs", "agent-runs"),
    ("settings", "Settings", "agent-settings"),
    ("autonomy", "Autonomy", "agent-autonomy"),
    ("undo", "Undo", "agent-undo"),
)


def known(name: str) -> str:
    """Return the name if an agent has it. Raises Http404."""
    try:
        return fleet.get(name).name
    except fleet.UnknownAgent as unknown:
        raise Http404(str(unknown)) from unknown


def show(
    request: HttpRequest,
    name: str,
    tab: str,
    context: dict[str, Any],
    *,
    template: str = "",
    partials: tuple[str, ...] = (),
    pause_form: Form | None = None,
    earned: dict[str, dict[str, Trust]] | None = None,
    status: int = 200,
) -> HttpResponse:
    """Render one tab of an agent's page, or the part of it that is asked for."""
    member = roster.member(known(name), earned=earned)
    own = member.switch is not None and member.switch.scope == KillSwitch.Scope.AGENT
    backlog = switches.waiting(member.switch) if member.switch and own else 0
    frame = {
        "member": member,
        "agent": member.agent,
        "topic": f"agent:{name}",
        "deployed": configs.deployed(name),
        "backlog": backlog,
        "backlog_words": switches.in_words(backlog),
        "pause_form": pause_form,
        "tabs": [(label, reverse(url, args=[name]), key == tab) for key, label, url in TABS],
    }
    return page(
        request,
        template or f"agents/agent_{tab}.html",
        {**frame, **context},
        partials=["agent-head", *partials],
        status=status,
    )
