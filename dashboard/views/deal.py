"""One deal, and what is done to it by hand."""

from uuid import UUID

from django.contrib import messages
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from agents.models import Run
from control import overrides
from dashboard.sales import deal_board, timeline
from dashboard.sales import deals as reading
from dashboard.sales.deal_forms import DealForm, DealNoteForm
from dashboard.web import Request, page
from pipeline.models import Deal, Lead
from pipeline.selling import deals, forecast, notes

DETAIL = "pipeline/deal_detail.html"


@require_safe
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show one deal."""
    return _render(request, pk)


@require_POST
def set_fields(request: Request, pk: UUID) -> HttpResponse:
    """Set value, chance or next step by hand."""
    deal = _get(pk)
    form = DealForm(request.POST)
    if not form.is_valid():
        return _render(request, pk, form=form, status=422)
    changes = form.changes(deal)
    if changes:
        deals.set_field(deal, changes, by=request.user, reason=form.cleaned_data["reason"])
        messages.success(request, "Your word stands; agents no longer change it.")
    else:
        messages.warning(request, "It says so already; nothing was changed.")
    return redirect("deal-detail", pk=pk)


@require_POST
def lift(request: Request, pk: UUID) -> HttpResponse:
    """Let agents decide a field again."""
    deal, name = _get(pk), request.POST.get("name", "")
    if name in deals.BY_HAND and overrides.lift(deal, name, by=request.user):
        messages.success(request, "Agents decide it again.")
    return redirect("deal-detail", pk=pk)


@require_POST
def add_note(request: Request, pk: UUID) -> HttpResponse:
    """Keep what was said."""
    deal = _get(pk)
    form = DealNoteForm(request.POST)
    if not form.is_valid():
        return _render(request, pk, form=form, status=422)
    by = request.user.get_username()
    try:
        notes.add(deal, form.cleaned_data["text"], kind=form.kind, by=by)
    except notes.Refused as why:
        form.add_error("text", str(why))
        return _render(request, pk, form=form, status=422)
    messages.success(request, "Kept. What they need and object to is read out of it.")
    return redirect("deal-detail", pk=pk)


@require_POST
def open_one(request: Request, pk: UUID) -> HttpResponse:
    """Open a deal with a lead, or go to the one that is open."""
    lead = get_object_or_404(Lead, pk=pk)
    deal = deals.open_for(lead, by=request.user.get_username())
    return redirect("deal-detail", pk=deal.pk)


def _get(pk: UUID) -> Deal:
    return get_object_or_404(Deal.objects.select_related("client"), pk=pk)


def _render(
    request: HttpRequest, pk: UUID, *, form: Form | None = None, status: int = 200
) -> HttpResponse:
    try:
        record = reading.read(pk)
    except Deal.DoesNotExist as gone:
        raise Http404 from gone
    deal = record.deal
    said = reading.notes(deal)
    actions = list(reading.actions_of(deal)[: reading.MOST])
    runs = reading.runs_of(deal)
    pending = next((a for a in actions if a.outward and a.status in a.UNSETTLED), None)
    note_form = form if isinstance(form, DealNoteForm) else DealNoteForm()
    context = {
        "deal": deal,
        "topic": f"deal:{deal.pk}",
        "next": deal_board.next_step(
            deal, pending, wrote=deal.is_open and deal.lead.flagged_at is not None
        ),
        "risk": forecast.why_at_risk(deal),
        "closes_at": forecast.expected_close(deal) if deal.is_open else None,
        "notes": said,
        "heard": reading.heard(said),
        "meetings": record.meetings,
        "proposals": reading.proposals(deal),
        "actions": actions,
        "runs": runs,
        "timeline": timeline.of_company(deal=deal, runs=runs),
        "overrides": record.overrides,
        "takeover": record.takeover,
        "working": next(
            (run.agent.capitalize() for run in runs if run.status == Run.Status.RUNNING), ""
        ),
        "note_form": note_form,
        "form": form if isinstance(form, DealForm) else DealForm.of(deal),
        "wrong": type(form).__name__,
    }
    return page(request, DETAIL, context, partials=["deal-body"], status=status)
