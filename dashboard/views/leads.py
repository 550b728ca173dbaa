"""Leads: the list, and one lead with all that happened to it."""

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from agents.models import Run
from control import overrides, takeovers
from dashboard.house.forms import OutcomeForm, OverrideForm
from dashboard.sales import leads, scores, timeline
from dashboard.web import Request, asked, newest, page
from pipeline import leads as services
from pipeline.models import Lead

FILTERS = [
    ("", "All"),
    ("qualified", "Qualified"),
    ("review", "Need a look"),
    ("disqualified", "Disqualified"),
    ("new", "New"),
    ("won", "Won"),
    ("lost", "Lost"),
]
DETAIL = "pipeline/lead_detail.html"


@require_safe
def lead_list(request: HttpRequest) -> HttpResponse:
    """List the leads, newest first."""
    status, text = asked(request, "status"), asked(request, "q")
    slice_ = newest(leads.search(status, text), asked(request, "before"))
    counts = leads.counts()
    context = {
        "rows": leads.rows(slice_.rows),
        "page": slice_,
        "status": status,
        "q": text,
        "filters": [(value, label, counts[value or "all"]) for value, label in FILTERS],
        "total": counts["all"],
        "webhooks": f"{reverse('settings')}#webhooks",
    }
    return page(request, "pipeline/lead_list.html", context, partials=["lead-table"])


@require_safe
def lead_detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Show one lead."""
    return _render(request, get_object_or_404(Lead.objects.staged(), pk=pk))


@require_POST
def override(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Set score and status by hand."""
    lead = get_object_or_404(Lead.objects.staged(), pk=pk)
    form = OverrideForm(request.POST)
    if not form.is_valid():
        return _render(request, lead, form=form, status=422)
    services.override_score(lead, by=request.user, **form.cleaned_data)
    messages.success(request, "Your word stands; agents no longer change it.")
    return redirect("lead-detail", pk=pk)


@require_POST
def lift(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Let agents decide score and status again."""
    lead = get_object_or_404(Lead.objects.staged(), pk=pk)
    lifted = [overrides.lift(lead, name, by=request.user) for name in ("score", "status")]
    if any(lifted):
        messages.success(request, "Agents decide its score again.")
    return redirect("lead-detail", pk=pk)


@require_POST
def outcome(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Say how it ended."""
    lead = get_object_or_404(Lead.objects.staged(), pk=pk)
    form = OutcomeForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Nothing was changed: won, lost or open?")
        return _render(request, lead, status=422)
    moved = services.set_outcome(lead, form.cleaned_data["outcome"], by=request.user)
    undo = reverse("move-undo", args=[moved.pk]) if moved.leads else ""
    messages.success(request, f"Marked {lead.get_outcome_display().lower()}.", extra_tags=undo)
    return redirect("lead-detail", pk=pk)


def _render(
    request: HttpRequest, lead: Lead, *, form: OverrideForm | None = None, status: int = 200
) -> HttpResponse:
    actions = list(leads.actions_of(lead)[:50])
    runs = list(
        Run.objects.filter(subject_type=leads.LABEL, subject_id=str(lead.pk)).order_by("-pk")[:50]
    )
    pending = next((action for action in actions if action.status in leads.PENDING), None)
    context = {
        "lead": lead,
        "topic": f"lead:{lead.pk}",
        "dimensions": scores.by_dimension(lead),
        "actions": actions,
        "runs": runs,
        "timeline": timeline.of_company(lead=lead, runs=runs),
        "next": leads.next_step(lead, pending),
        "working": next(
            (run.agent.capitalize() for run in runs if run.status == Run.Status.RUNNING), ""
        ),
        "answered_in": leads.answered_in(lead),
        "overrides": overrides.fields(lead),
        "takeover": takeovers.on(lead),
        "deal": lead.deals.order_by("-pk").first(),
        "statuses": OverrideForm.base_fields["status"].choices,  # type: ignore[attr-defined]
        "outcomes": Lead.Outcome.choices,
        "form": form,
    }
    return page(request, DETAIL, context, partials=["lead-body"], status=status)
