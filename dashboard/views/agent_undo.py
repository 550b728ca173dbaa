"""Undo everything an agent did in a time range: counted, done, reported."""

import uuid

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from control import undo_range
from dashboard.fleet import agent_page
from dashboard.house.forms import RangeForm
from dashboard.web import Request

LISTED = 20


@require_safe
def preview(request: Request, name: str) -> HttpResponse:
    """Count what would be undone, and change nothing."""
    return _render(request, agent_page.known(name), RangeForm(request.GET or None))


@require_POST
def start(request: Request, name: str) -> HttpResponse:
    """Undo what was counted, in the background."""
    agent = agent_page.known(name)
    form = RangeForm(request.POST)
    if not form.is_valid():
        return _render(request, agent, form, status=422)
    since, until = form.span()
    job = undo_range.start(agent, since, until, by=request.user)
    return redirect("agent-undo-report", name=name, pk=job.pk)


@require_safe
def report(request: Request, name: str, pk: uuid.UUID) -> HttpResponse:
    """Show what an undo has come to."""
    order = undo_range.report(pk)
    if order is None or order.agent != agent_page.known(name):
        raise Http404
    context = {"order": order, "undo_topic": f"undo:{pk}"}
    return agent_page.show(
        request,
        name,
        "undo",
        context,
        template="agents/undo_report.html",
        partials=("undo-report",),
    )


def _render(request: Request, name: str, form: RangeForm, *, status: int = 200) -> HttpResponse:
    context: dict[str, object] = {"form": form, "quick": RangeForm.QUICK}
    if form.is_bound and form.is_valid():
        since, until = form.span()
        shares = undo_range.preview(name, since, until)
        context |= {
            "since": since,
            "until": until,
            "shares": shares,
            "total": sum(share.count for share in shares),
            "kept": sum(share.count for share in shares if share.outward),
            "newest": list(undo_range.done(name, since, until)[:LISTED]),
        }
    return agent_page.show(request, name, "undo", context, status=status)
