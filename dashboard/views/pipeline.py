"""The pipeline: the board, moving a lead on it, and taking a move back."""

import uuid

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import trigger_client_event

from dashboard.sales import board, funnel
from dashboard.web import Request, page
from pipeline import moves
from pipeline.models import Lead, Stage


@require_safe
def pipeline(request: HttpRequest) -> HttpResponse:
    """Show the board, with the funnel under it."""
    context = {"board": board.read(), "webhooks": f"{reverse('settings')}#webhooks"}
    if request.htmx.target != "board":  # type: ignore[attr-defined]
        context["funnel"] = funnel.read()
    return page(request, "pipeline/board.html", context, partials=["board"])


@require_http_methods(["GET", "HEAD", "POST"])
def move(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Show where a lead can be moved to; once said, move it."""
    lead = get_object_or_404(Lead.objects.staged(), pk=pk)
    if request.method != "POST":
        return _sheet(request, lead)
    to = request.POST.get("to", "")
    if to not in Stage.values:
        return _sheet(request, lead, problem="Say where to.", status=422)
    try:
        moved = moves.move(pk, to, by=request.user)
    except moves.NotPossible as reason:
        if not request.htmx:
            return _sheet(request, lead, problem=str(reason), status=409)
        messages.warning(request, f"{lead} stays where it is. {reason}")
        return said(request)
    messages.success(
        request, f"{lead}: {Stage(to).label}.", extra_tags=reverse("move-undo", args=[moved.pk])
    )
    return said(request)


def _sheet(
    request: HttpRequest, lead: Lead, *, problem: str = "", status: int = 200
) -> HttpResponse:
    context = {
        "lead": lead,
        "choices": moves.choices(lead.standing),
        "problem": problem,
        "back": back(request),
    }
    in_dialog = request.htmx and request.htmx.target == "dialog"  # type: ignore[attr-defined]
    template = "pipeline/move.html#move-sheet" if in_dialog else "pipeline/move.html"
    return render(request, template, context, status=status)


@require_POST
def undo(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Take a move back."""
    try:
        undone = moves.undo(pk, by=request.user)
    except (moves.NotPossible, Lead.DoesNotExist) as reason:
        if isinstance(reason, Lead.DoesNotExist):
            raise Http404 from reason
        messages.warning(request, f"Not taken back. {reason}")
        return said(request)
    who = str(undone.leads[0]) if len(undone.leads) == 1 else f"{len(undone.leads):,} leads"
    messages.success(request, f"Taken back: {who}.")
    return said(request)


def said(request: HttpRequest, *, topic: str = "leads", home: str = "pipeline") -> HttpResponse:
    """Answer a change with its toast, which wakes what shows it; or go back without scripts."""
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect(back(request, home))
    response = render(request, "components/messages.html", {"oob": True})
    return trigger_client_event(response, f"live:{topic}")


def back(request: HttpRequest, home: str = "pipeline") -> str:
    """Return the page of ours a form says it came from, or the board."""
    given = request.POST.get("back", "") or request.GET.get("back", "")
    ours = url_has_allowed_host_and_scheme(given, {request.get_host()})
    if ours and given.startswith("/"):  # redirect() takes anything else for the name of a view
        return given
    return reverse(home)
