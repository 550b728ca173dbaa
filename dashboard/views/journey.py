"""The funnel of the pipeline: who came how far, and where companies are lost."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from dashboard.sales import journey
from dashboard.sales.journey_rows import Scope
from dashboard.web import asked, page
from pipeline.models import IdealCustomer, Source

MOST = 2**31 - 1


@require_safe
def funnel(request: HttpRequest) -> HttpResponse:
    """Show how far the companies of a period came; a choice that is none shows all of them."""
    days, by, of = _days(asked(request, "days")), asked(request, "by"), asked(request, "of")
    by = by if by in journey.BY else "icp"
    icps = list(IdealCustomer.objects.values_list("pk", "name"))
    sources = list(Source.objects.values_list("pk", "name"))
    choices = [
        ("", "Everybody"),
        ("found", "Found by us"),
        ("alone", "Came by themselves"),
        *((f"icp:{pk}", name) for pk, name in icps),
        *((f"source:{pk}", name) for pk, name in sources),
    ]
    of = of if of in dict(choices) else ""
    scope = Scope(days=days, by=by, **_of(of))
    chosen = {"days": days or "all", "by": by, "of": of}

    def query(**more: Any) -> str:
        return urlencode({name: value for name, value in (chosen | more).items() if value})

    context = {
        "journey": journey.read(scope),
        "periods": [(query(days=n or "all"), words, n == days) for n, words in journey.PERIODS],
        "told": [(query(by=key), words, key == by) for key, words in journey.BY.items()],
        "by_label": journey.BY[by],
        "choices": choices,
        "chosen": chosen,
        "rest": query(of=""),
    }
    return page(request, "pipeline/funnel.html", context, partials=["funnel-body"])


def _days(text: str) -> int | None:
    known = {str(days): days for days, _ in journey.PERIODS if days}
    return None if text == "all" else known.get(text, 30)


def _of(of: str) -> dict[str, Any]:
    kind, _, number = of.partition(":")
    if kind in ("icp", "source"):
        return {kind: int(number)}
    return {"alone": {"alone": True, "found": False}.get(kind)}
