"""The living style page: every component in every state, from the templates that pages use."""

import datetime as dt

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard.house import samples

SECTIONS = [
    ("foundations", "Foundations"),
    ("icons", "Icons"),
    ("buttons", "Buttons"),
    ("states", "States"),
    ("panels", "Panels"),
    ("ledger", "Ledger"),
    ("forms", "Forms"),
    ("over", "Over the page"),
    ("record", "Record"),
    ("cockpit", "Cockpit"),
    ("moments", "Empty, loading, error"),
    ("charts", "Charts"),
]


@require_safe
def styleguide(request: HttpRequest) -> HttpResponse:
    """Show every component with its states."""
    now = timezone.now()
    context = {
        "sections": SECTIONS,
        "icons": samples.icons(),
        "colours": samples.colours(),
        "spaces": samples.spaces(),
        "form": samples.SampleForm(auto_id="fine_%s"),
        "wrong": samples.wrong_form(),
        "groups": samples.chart_groups(),
        "long": samples.LONG,
        "arabic": samples.ARABIC,
        "hebrew": samples.HEBREW,
        "moments": [now - dt.timedelta(seconds=s) for s in (2, 70, 5000, 90_000, 4_000_000)],
        "many": range(1, 61),
        "states": ["done", "waiting", "held", "unknown", "running", "undone", "failed", "revise"],
        "page": {"older": "1", "newer": True},
    }
    return render(request, "dashboard/styleguide.html", context)
