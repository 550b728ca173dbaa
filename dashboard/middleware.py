"""The operator's time zone, and a login that also works from a live page."""

import zoneinfo
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django_htmx.http import HttpResponseClientRedirect

from agency.models import AgencyProfile


class OperatorMiddleware:
    """Show times in the operator's zone; send a logged-out partial request to the login page.

    An HTMX request would otherwise put the login form into the middle of the page it came from.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated:
            return self._to_login(request, self.get_response(request))
        request.profile = AgencyProfile.load()  # type: ignore[attr-defined]
        with timezone.override(zoneinfo.ZoneInfo(request.profile.timezone)):  # type: ignore[attr-defined]
            return self.get_response(request)

    def _to_login(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        target = response.headers.get("Location", "")
        if request.headers.get("HX-Request") and target.startswith(settings.LOGIN_URL):
            return HttpResponseClientRedirect(settings.LOGIN_URL)
        return response
