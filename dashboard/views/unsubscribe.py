"""The page behind the unsubscribe link of a mail: public, and one press is enough."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods
from limits import RateLimitItemPerMinute

from agency.models import AgencyProfile
from dashboard import rates
from pipeline.mail import unsubscribe as links

GUESSES = RateLimitItemPerMinute(20)
"""Wrong links from one address. Right ones are never counted: a mail provider posts thousands."""


# A mail provider posts without cookies (RFC 8058), and the token says more than a cookie would.
@csrf_exempt
@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Ask on GET, which scanners of mail do too; unsubscribe on POST, as often as it comes."""
    try:
        if request.method == "POST":
            return _page(request, "done", links.honour(token))
        return _page(request, "ask", links.address(token))
    except links.BadToken:
        if rates.is_over(GUESSES, "unsubscribe", request.META.get("REMOTE_ADDR", "")):
            return _page(request, "wrong", status=429)
        return _page(request, "wrong", status=404)


def _page(request: HttpRequest, state: str, address: str = "", status: int = 200) -> HttpResponse:
    context = {"state": state, "address": address, "agency": AgencyProfile.load().name}
    response = render(request, "public/unsubscribe.html", context, status=status)
    response["X-Robots-Tag"] = "noindex"
    return response
