"""The product's addresses and the empty view: every middleware, no work."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
@login_not_required
def empty(request: HttpRequest) -> HttpResponse:
    """Answer with two bytes."""
    return HttpResponse(b"ok")


urlpatterns = [
    path("bench/empty", empty),
    path("", include("agency.urls")),
]
