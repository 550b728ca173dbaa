"""What is answered when something fails here: that it failed, or that too much came at once."""

import sys

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import requires_csrf_token
from psycopg_pool import PoolTimeout

RETRY_SECONDS = 5


@requires_csrf_token
def failed(request: HttpRequest) -> HttpResponse:
    """Answer 500; or 503 where every connection to Postgres was taken, for that passes."""
    error = sys.exc_info()[1]
    if error is not None and isinstance(error.__cause__, PoolTimeout):
        response = render(request, "503.html", status=503)
        response["Retry-After"] = str(RETRY_SECONDS)
        return response
    return render(request, "500.html", status=500)
