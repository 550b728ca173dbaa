"""The parts around every page, each fetched again when its topics change."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from dashboard.deciding import cockpit
from dashboard.house import status
from dashboard.web import Request


@require_GET
def status_line(request: Request) -> HttpResponse:
    """Render the header's sentence, with the rail's counts out of band."""
    return render(
        request, "components/status.html", {"shell": status.read(request.profile, ""), "oob": True}
    )


@require_GET
def toasts(request: HttpRequest) -> HttpResponse:
    """Render what was approved and can still be called back."""
    return render(request, "components/recallable.html", {"recallable": cockpit.leaving()})
