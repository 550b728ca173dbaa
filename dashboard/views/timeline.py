"""Everything that happened with one company, a page at a time."""

from uuid import UUID

from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from agency.models import Client
from dashboard.sales import timeline
from dashboard.web import asked
from pipeline.models import Deal, Lead, Prospect

KINDS: dict[str, type[Model]] = {
    "prospect": Prospect,
    "lead": Lead,
    "deal": Deal,
    "client": Client,
}


@require_safe
def show(request: HttpRequest, kind: str, key: str) -> HttpResponse:
    """Show what happened, newest first."""
    row = _get(kind, key)
    found = timeline.of_company(before=asked(request, "before"), **{kind: row})  # type: ignore[arg-type]
    context = {
        "name": str(row),
        "back": reverse(f"{kind}-detail", args=[key]),
        "timeline": found,
        "all_of_it": reverse("timeline", args=[kind, key]),
    }
    return render(request, "pipeline/timeline_page.html", context)


def _get(kind: str, key: str) -> Model:
    if kind not in KINDS:
        raise Http404
    if kind == "client":
        return get_object_or_404(Client, slug=key)
    try:
        pk = UUID(key)
    except ValueError:
        raise Http404 from None
    return get_object_or_404(KINDS[kind], pk=pk)
