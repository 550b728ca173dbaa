"""The deals on their board: moved by mouse, keys or menu, and back."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dashboard.sales import deal_board
from dashboard.sales.deal_forms import DealMoveForm
from dashboard.views.pipeline import back, said
from dashboard.web import Request, page
from pipeline.models import Deal, DealStage
from pipeline.selling import deals, forecast

ASKED = (DealStage.LOST, DealStage.WON)
"""Where a second question is put before a deal goes there."""


@require_safe
def board(request: HttpRequest) -> HttpResponse:
    """Show the board, with the forecast under it."""
    context: dict[str, Any] = {"board": deal_board.read()}
    if request.htmx.target != "board":  # type: ignore[attr-defined]
        read = forecast.read()
        risks = list(forecast.at_risk()[: forecast.RISKS_SHOWN + 1])
        context |= {
            "forecast": read,
            "chart": deal_board.chart(read),
            "risks": [(deal, forecast.why_at_risk(deal)) for deal in risks[: forecast.RISKS_SHOWN]],
            "more_risks": len(risks) > forecast.RISKS_SHOWN,
        }
    return page(request, "pipeline/deal_board.html", context, partials=["board"])


@require_http_methods(["GET", "HEAD", "POST"])
def move(request: Request, pk: UUID) -> HttpResponse:
    """Show where a deal can be moved to; ask why it is lost, or whether it is won; move it."""
    deal = get_object_or_404(Deal, pk=pk)
    if request.method != "POST":
        asked = request.GET.get("to", "")
        return _sheet(request, deal, asked=asked if asked in ASKED else "")
    form = DealMoveForm(request.POST)
    if not form.is_valid():
        to = request.POST.get("to", "")
        problem = "Say why it was lost." if "reason" in form.errors else "Say where to."
        if "note" in form.errors:
            problem = "Keep the note under 300 characters."
        return _sheet(request, deal, asked=to if to in ASKED else "", problem=problem, status=422)
    to, reason = form.cleaned_data["to"], form.cleaned_data["reason"]
    unanswered = (to == DealStage.LOST and not reason) or (
        to == DealStage.WON and not form.cleaned_data["sure"]
    )
    if unanswered and deal.stage not in (to, DealStage.WON):
        problem = "Say why it was lost." if "note" in request.POST else ""
        return _sheet(request, deal, asked=to, problem=problem, status=422 if problem else 200)
    try:
        moved = deals.move(pk, to, by=request.user, reason=reason, note=form.cleaned_data["note"])
    except deals.NotPossible as why:
        if not request.htmx:
            return _sheet(request, deal, problem=str(why), status=409)
        messages.warning(request, f"{deal} stays where it is. {why}")
        return said(request, topic="deals", home="deal-board")
    undo_ = "" if to == DealStage.WON else reverse("deal-move-undo", args=[moved.pk])
    messages.success(request, f"{deal}: {DealStage(to).label}.", extra_tags=undo_)
    return said(request, topic="deals", home="deal-board")


@require_POST
def undo(request: Request, pk: UUID) -> HttpResponse:
    """Take a move back."""
    try:
        undone = deals.undo(pk, by=request.user)
    except Deal.DoesNotExist as gone:
        raise Http404 from gone
    except deals.NotPossible as why:
        messages.warning(request, f"Not taken back. {why}")
    else:
        messages.success(request, f"Taken back: {undone.deal}.")
    return said(request, topic="deals", home="deal-board")


def _sheet(
    request: HttpRequest, deal: Deal, *, asked: str = "", problem: str = "", status: int = 200
) -> HttpResponse:
    context = {
        "deal": deal,
        "choices": deals.choices(deal.stage),
        "asked": asked,
        "reasons": Deal.Lost.choices,
        "given": request.POST,
        "problem": problem,
        "back": back(request, "deal-board"),
    }
    in_dialog = request.htmx and request.htmx.target == "dialog"  # type: ignore[attr-defined]
    template = "pipeline/deal_move.html"
    name = f"{template}#move-sheet" if in_dialog else template
    return render(request, name, context, status=status)
