"""Alerts: what the operator should know, until acknowledged; and how they were told."""

import itertools
import uuid
from dataclasses import dataclass
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.db.models import Count, Prefetch
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.text import Truncator
from django.views.decorators.http import require_POST, require_safe

from control import alerts, notices
from control.models import Alert, AlertQuerySet, Notice
from dashboard.house.forms import SNOOZES, AcknowledgeAllForm, SnoozeForm
from dashboard.web import Request, asked, newest, page
from integrations import notify

OPEN_SHOWN = 100
PUT_OFF_SHOWN = 50
TRAIL_SHOWN = 12
BRIEF = 160
TEMPLATE = "control/alert_list.html"
NEXT = {
    "/approvals/": "Look and decide",
    "/settings/#switches": "To the switches",
    "/settings/#parts": "To the settings",
    "/leads/": "To the lead",
    "/agents/": "To the agent",
    "/jobs/": "To the jobs",
}


@dataclass(frozen=True)
class Row:
    """An open alert, how it was told, and where to go about it."""

    alert: Alert
    trail: list[Notice]
    next_step: str

    @property
    def brief(self) -> str:
        """The first line of what it says, as much as one takes in at a glance."""
        return Truncator(self.alert.body.strip().partition("\n")[0]).chars(BRIEF)

    @property
    def cut(self) -> bool:
        """Whether it says more than that."""
        return self.brief != self.alert.body.strip()

    @property
    def trouble(self) -> Notice | None:
        """The last message about it, if that did not surely arrive."""
        bad = (Notice.Status.FAILED, Notice.Status.UNKNOWN)
        ended = [notice for notice in self.trail if notice.ended_at]
        return ended[0] if ended and ended[0].status in bad else None


@require_safe
def alert_list(request: Request) -> HttpResponse:
    """List the open alerts, the gravest first, then those put off and those acknowledged."""
    return _render(request, _severity(asked(request, "severity")))


@require_POST
def acknowledge(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Close one alert."""
    alert = get_object_or_404(Alert, pk=pk)
    if alerts.acknowledge(alert, by=request.user.get_username()):
        messages.success(request, f"Acknowledged: {alert.title}")
    else:
        messages.warning(request, "It was acknowledged already.")
    return _go_on(request)


@require_POST
def acknowledge_all(request: Request) -> HttpResponse:
    """Close all alerts of the filter that were there when the page was made."""
    form = AcknowledgeAllForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Nothing was acknowledged: look at the list again.")
        return _go_on(request)
    severity, upto = form.cleaned_data["severity"], form.cleaned_data["upto"]
    found = list(_open(severity).filter(first_seen_at__lte=upto))
    if len(found) > form.cleaned_data["count"]:
        messages.warning(request, "More came in just then; nothing was acknowledged yet.")
        return _go_on(request)
    count = alerts.acknowledge_all(found, by=request.user.get_username())
    messages.success(request, f"Acknowledged {count} alert{'' if count == 1 else 's'}.")
    return _go_on(request)


@require_POST
def snooze(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Put one off for an hour, or to tomorrow morning."""
    alert = get_object_or_404(Alert, pk=pk)
    form = SnoozeForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Nothing was put off: choose until when.")
    elif alerts.snooze(alert, until=form.moment(), by=request.user.get_username()):
        chosen = dict(SNOOZES)[form.cleaned_data["until"]].lower()
        messages.success(request, f"Put off, {chosen}: {alert.title}")
    else:
        messages.warning(request, "It was acknowledged already.")
    return _go_on(request)


@require_POST
def wake(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Bring one that was put off back into sight."""
    alert = get_object_or_404(Alert, pk=pk)
    if not alerts.wake(alert, by=request.user.get_username()):
        messages.warning(request, "It was not put off any more.")
    return _go_on(request)


def _severity(text: str) -> str:
    """Return the severity to show, or nothing for all of them."""
    return text if text in Alert.Severity.values else ""


def _address(severity: str) -> str:
    return reverse("alert-list") + (f"?{urlencode({'severity': severity})}" if severity else "")


def _open(severity: str) -> AlertQuerySet:
    found = Alert.objects.in_sight()
    return found.filter(severity=severity) if severity else found


def _go_on(request: Request) -> HttpResponse:
    """Show the same list again: in place when HTMX asks, else by a redirect."""
    severity = _severity(request.POST.get("severity", ""))
    return _render(request, severity) if request.htmx else redirect(_address(severity))


def _filters(severity: str) -> list[tuple[str, str, int, bool]]:
    """Return address, words, count and whether it is the one shown, for each severity."""
    numbers = dict(Alert.objects.in_sight().values_list("severity").annotate(n=Count("pk")))
    found = [(_address(""), "All", sum(numbers.values()), not severity)]
    for value, label in reversed(Alert.Severity.choices):
        if value in numbers or value == severity:
            found.append((_address(value), str(label), numbers.get(value, 0), value == severity))
    return found


def _rows(severity: str) -> list[Row]:
    latest = Notice.objects.order_by("-pk")[:TRAIL_SHOWN]
    found = _open(severity).prefetch_related(Prefetch("notices", queryset=latest, to_attr="told"))
    return [
        Row(alert, alert.told, _next_step(alert.url))  # type: ignore[attr-defined]
        for alert in found.gravest_first()[:OPEN_SHOWN]
    ]


def _grouped(
    rows: list[Row], filters: list[tuple[str, str, int, bool]]
) -> list[tuple[str, str, int, list[Row]]]:
    """Return severity, words, how many are open, and those shown, the gravest first."""
    numbers = {label: number for _, label, number, _ in filters}
    found = []
    for severity, group in itertools.groupby(rows, key=lambda row: row.alert.severity):
        label = str(Alert.Severity(severity).label)
        found.append((severity, label, numbers.get(label, 0), list(group)))
    return found


def _next_step(url: str) -> str:
    return next((words for start, words in NEXT.items() if url.startswith(start)), "Open it")


def _render(request: Request, severity: str) -> HttpResponse:
    past = Alert.objects.exclude(acknowledged_at=None)
    filters = _filters(severity)
    rows = _rows(severity)
    context = {
        "address": _address(severity),
        "severity": severity,
        "filters": filters,
        "total": next(number for _, _, number, current in filters if current),
        "upto": timezone.now().isoformat(),
        "rows": rows,
        "groups": _grouped(rows, filters),
        "put_off": Alert.objects.put_off().order_by("snoozed_until")[:PUT_OFF_SHOWN],
        "page": newest(past, asked(request, "before"), size=20),
        "snoozes": SNOOZES,
        "broken": [found for found in notices.health() if not found.works],
        "mail_to": request.profile.operator_email,
        "webhook": notify.host(),
        "escalation": settings.ALERT_ESCALATION_EMAIL,
        "escalates_at": notices.ESCALATES_AT,
    }
    return page(request, TEMPLATE, context, partials=["alert-rows"])
