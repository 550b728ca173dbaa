"""Alerts: what the operator should know, until acknowledged."""

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from control import alerts
from control.models import Alert
from dashboard.web import Request, asked, newest, page

OPEN_SHOWN = 100
TEMPLATE = "control/alert_list.html"


@require_safe
def alert_list(request: HttpRequest) -> HttpResponse:
    """List the open alerts, the gravest first, then those acknowledged."""
    return _render(request)


@require_POST
def acknowledge(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Close one alert."""
    alert = get_object_or_404(Alert, pk=pk)
    if not alerts.acknowledge(alert, by=request.user.get_username()):
        messages.warning(request, "It was acknowledged already.")
    return _render(request) if request.htmx else redirect("alert-list")


def _render(request: HttpRequest) -> HttpResponse:
    order = {Alert.Severity.CRITICAL: 0, Alert.Severity.WARNING: 1, Alert.Severity.INFO: 2}
    found = Alert.objects.filter(acknowledged_at=None).order_by("-last_seen_at")[:OPEN_SHOWN]
    past = Alert.objects.exclude(acknowledged_at=None)
    context = {
        "open": sorted(found, key=lambda alert: order[Alert.Severity(alert.severity)]),
        "page": newest(past, asked(request, "before"), size=20),
    }
    return page(request, TEMPLATE, context, partials=["alert-rows"])
