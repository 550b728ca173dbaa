"""The API's description: for programs as OpenAPI, for people as a page."""

from django.conf import settings as django_settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from dashboard.api import document, problems, v1
from jobs.bodies import Refused


@login_not_required
@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    """Return the OpenAPI document; it holds no secrets."""
    response = JsonResponse(v1.description())
    response["Access-Control-Allow-Origin"] = "*"
    response["X-Robots-Tag"] = "noindex"
    return response


@login_not_required
@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Show the same to people."""
    context = {
        "version": v1.description()["info"]["version"],
        "words": document.spans(v1.WORDS),
        "groups": document.groups(),
        "base": django_settings.PUBLIC_URL,
    }
    response = render(request, "public/api.html", context)
    response["X-Robots-Tag"] = "noindex"
    return response


@csrf_exempt
@login_not_required
def nothing(request: HttpRequest, rest: str = "") -> HttpResponse:
    """Answer for every other address under /api/."""
    return problems.answer(Refused(404, "There is nothing at this address."))
