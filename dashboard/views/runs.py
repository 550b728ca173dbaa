"""One run of an agent, step by step; its replay and its undo."""

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from agents import replay
from agents.models import Run
from control import undo
from control.models import Action
from dashboard import leads
from dashboard.forms import ReplayForm
from dashboard.templatetags.dashboard import pretty
from dashboard.web import Request, page


@require_safe
def run_detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Show one run."""
    return _render(request, get_object_or_404(Run, pk=pk))


@require_POST
def start_replay(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Run again on the same or an edited input; nothing it proposes is done."""
    run = get_object_or_404(Run, pk=pk)
    form = ReplayForm(request.POST)
    if form.is_valid():
        try:
            replay.start(run, by=request.user.get_username(), facts=form.cleaned_data["facts"])
        except replay.InvalidInput as invalid:
            form.add_error("facts", f"{invalid.field}: {invalid.reason}")
        else:
            messages.success(request, "Replaying; the result appears below in a moment.")
            return redirect("run-detail", pk=pk)
    return _render(request, run, form=form, status=422)


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


def _render(
    request: HttpRequest, run: Run, *, form: ReplayForm | None = None, status: int = 200
) -> HttpResponse:
    done = Action.objects.filter(run_id=run.pk).order_by("pk")
    context = {
        "run": run,
        "topic": f"run:{run.pk}",
        "steps": list(run.steps.all()),
        "calls": list(run.model_calls.all()),
        "actions": list(done),
        "replays": list(Run.objects.filter(replay_of=run).order_by("-pk")[:10]),
        "subject_url": _subject_url(run),
        "form": form or ReplayForm(initial={"facts": pretty(run.input)}),
    }
    return page(request, "agents/run_detail.html", context, partials=["run-body"], status=status)


def _subject_url(run: Run) -> str:
    return reverse("lead-detail", args=[run.subject_id]) if run.subject_type == leads.LABEL else ""
