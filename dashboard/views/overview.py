"""Overview: what needs the operator, what happened meanwhile, how the business and fleet do."""

import datetime as dt
from functools import cached_property
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from agency import looks
from control.models import KillSwitch
from dashboard.deciding import needs
from dashboard.fleet import glance
from dashboard.house import quadrants, road, status, telling
from dashboard.web import Request, page
from pipeline.models import Lead

TEMPLATE = "dashboard/overview.html"
NEEDS_SHOWN = 5
WORDS = (
    *("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten"),
    *("Eleven", "Twelve"),
)
MORNING, AFTERNOON, EVENING = 5, 12, 18


class Panels:
    """What each panel shows; rows that two of them need are read once."""

    names = ("needs", "news", "business", "fleet", "road")

    def __init__(self, request: Request) -> None:
        self.request = request

    def needs(self) -> dict[str, Any]:
        """What needs the operator, and the sentence that says how much."""
        found = needs.read(self._engaged)
        return {
            "greeting": greeting(timezone.localtime()),
            "needs": found,
            "shown": found.rows[:NEEDS_SHOWN],
            "left": max(0, found.count - NEEDS_SHOWN),
            "things": things(found.count),
            "nothing_yet": not found.rows and not Lead.objects.exists(),
        }

    def news(self) -> dict[str, Any]:
        """What happened since the operator last looked."""
        user = self.request.user
        # What fetches itself again is no look: the screen may stand there all night.
        since = looks.last(user) if self.request.htmx else looks.look(user)
        return {"news": telling.news(since, user.get_username())}

    def business(self) -> dict[str, Any]:
        """The four quadrants."""
        return {"business": self._business}

    def fleet(self) -> dict[str, Any]:
        """Every agent at a glance."""
        return {"fleet": glance.read(self._engaged)}

    def road(self) -> dict[str, Any]:
        """Where the agency stands."""
        phase = self.request.profile.phase
        return {"business": self._business, "phase": phase, "stages": road.stages(phase)}

    @cached_property
    def shell(self) -> status.Status:
        """What stands around a whole page."""
        return status.read(self.request.profile, self.request.path)

    @cached_property
    def _engaged(self) -> list[KillSwitch]:
        if not self.request.htmx:
            return self.shell.engaged
        return list(KillSwitch.objects.filter(released_at=None).order_by("engaged_at"))

    @cached_property
    def _business(self) -> quadrants.Business:
        return quadrants.read()


@require_safe
def overview(request: Request) -> HttpResponse:
    """Show the overview, or the one panel of it that is to be fetched again."""
    target = request.htmx.target if request.htmx else None
    panels = Panels(request)
    context: dict[str, Any] = {} if request.htmx else {"shell": panels.shell}
    for name in [target] if target in Panels.names else Panels.names:
        context |= getattr(panels, name)()
    return page(request, TEMPLATE, context, partials=Panels.names)


def greeting(now: dt.datetime) -> str:
    """Return the greeting for the hour where the operator is."""
    if MORNING <= now.hour < AFTERNOON:
        return "Good morning."
    return "Good afternoon." if AFTERNOON <= now.hour < EVENING else "Good evening."


def things(count: int) -> str:
    """Return how much needs the operator, as a sentence begins."""
    number = WORDS[count] if count < len(WORDS) else f"{count:,}"
    if not count:
        return "Nothing needs you"
    return f"{number} thing{'s need' if count > 1 else ' needs'} you"
