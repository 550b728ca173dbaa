"""Costs: what was spent, on what."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from dashboard.house import costs
from dashboard.web import asked, page

BREAKDOWNS: dict[str, tuple[str, Callable[[], list[costs.Line]] | None]] = {
    "agent": ("Agent", None),
    "client": ("Client", costs.by_client),
    "model": ("Model", costs.by_model),
    "kind": ("Kind of action", costs.by_kind),
}


@require_safe
def cost_list(request: HttpRequest) -> HttpResponse:
    """Show what was spent, with one breakdown of the last 30 days."""
    by = asked(request, "by")
    by = by if by in BREAKDOWNS else "agent"
    label, read = BREAKDOWNS[by]
    book = costs.Book()
    periods, agents = book.periods(), book.by_agent()
    lines = read() if read else agents
    context = {
        "periods": periods,
        "sentence": costs.sentence(periods, agents),
        "drawing": book.drawing(),
        "by": by,
        "label": label,
        "breakdowns": [(key, name) for key, (name, _) in BREAKDOWNS.items()],
        "lines": lines[: costs.MOST],
        "rest": costs.total(lines[costs.MOST :]) if len(lines) > costs.MOST else None,
        "rest_count": max(0, len(lines) - costs.MOST),
        "total": costs.total(lines),
    }
    return page(request, "agents/cost_list.html", context, partials=["cost-body", "cost-table"])
