"""One run of an agent, step by step; its replay and its undo."""

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from agents import fleet, replay
from agents.models import Run
from control import undo
from dashboard.fleet import run_page, schema_form
from dashboard.fleet.run_page import Asked
from dashboard.house.forms import FromStepForm, ReplayForm
from dashboard.web import Request, page


@require_safe
def run_detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Show one run."""
    return _render(request, get_object_or_404(Run, pk=pk), Asked())


@require_POST
def start_replay(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Run again on the same or an edited input; nothing it proposes is done."""
    run = get_object_or_404(Run, pk=pk)
    asked = _asked(request, run)
    if asked.facts is not None and not asked.errors:
        by = request.user.get_username()
        try:
            replay.start(run, by=by, facts=asked.facts, from_step=asked.from_step)
        except replay.InvalidInput as invalid:
            asked.errors[invalid.field] = invalid.reason
        else:
            messages.success(request, "Replaying; both results stand side by side in a moment.")
            return redirect("run-detail", pk=pk)
    return _render(request, run, asked, status=422)


def _asked(request: Request, run: Run) -> Asked:
    """Return the input to replay on: fields, JSON, or the run's own, and why it does not fit."""
    step = FromStepForm(request.POST)
    errors = {} if step.is_valid() else {"from_step": "No such step."}
    from_step = step.cleaned_data.get("from_step") or None
    if schema_form.is_posted(request.POST):
        filled = schema_form.read(fleet.get(run.agent).facts, request.POST)
        return Asked(filled.values, filled.errors | errors, from_step)
    if "facts" not in request.POST:
        return Asked(run.input, errors, from_step)
    form = ReplayForm(request.POST)
    if form.is_valid():
        return Asked(form.cleaned_data["facts"], errors, from_step, form)
    return Asked(None, errors, from_step, form)


@require_POST
def undo_run(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Undo everything a run did, and say what could not be undone."""
    run = get_object_or_404(Run, pk=pk)
    outcomes = undo.undo_run(run.pk, by=request.user)
    if not outcomes:
        messages.warning(request, "This run did nothing that could be undone.")
    for outcome in outcomes:
        words = f"{outcome.action.summary}: {outcome.message}"
        (messages.success if outcome.undone else messages.warning)(request, words)
    return redirect("run-detail", pk=pk)


def _render(request: HttpRequest, run: Run, asked: Asked, *, status: int = 200) -> HttpResponse:
    context = run_page.read(run, asked)
    return page(request, "agents/run_detail.html", context, partials=["run-body"], status=status)
