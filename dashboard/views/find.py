"""Find anything: the palette's list, and the same as a page."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from dashboard.house import palette
from dashboard.web import asked, page

LONGEST = 100


@require_safe
def find(request: HttpRequest) -> HttpResponse:
    """Show what fits the words that were typed."""
    query = asked(request, "q")[:LONGEST]
    context = {"query": query, "groups": palette.find(query)}
    return page(request, "dashboard/find.html", context, partials=["palette-list"])
