"""Sequences: the list, one with its steps and people, and a wording with its preview."""

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from dashboard.web import Request, asked, page
from dashboard.writing import sequences, wordings
from dashboard.writing.outreach_forms import (
    DayForm,
    NewSequenceForm,
    SequenceForm,
    StepForm,
    WordingForm,
)
from pipeline.models import Enrollment, Sequence, SequenceStep, Variant
from pipeline.writing import outreach, wording
from pipeline.writing import sequences as services

LIST = "outreach/sequence_list.html"
DETAIL = "outreach/sequence_detail.html"
WORDING = "outreach/wording.html"
PEOPLE = 25


@require_safe
def sequence_list(request: HttpRequest) -> HttpResponse:
    """List the sequences."""
    return _list(request)


@require_POST
def create(request: Request) -> HttpResponse:
    """Make a sequence, and open it."""
    form = NewSequenceForm(request.POST)
    if not form.is_valid():
        return _list(request, form=form, status=422)
    try:
        made = services.create(form.cleaned_data["name"], by=request.user.get_username())
    except services.NotPossible as reason:
        form.add_error("name", str(reason))
        return _list(request, form=form, status=422)
    messages.success(request, "Made. It is paused until it has a step with a wording.")
    return redirect("sequence-detail", pk=made.pk)


@require_safe
def sequence_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a sequence: its steps, how far people get, and who is in it."""
    return _detail(request, _sequence(pk))


@require_POST
def change(request: Request, pk: int) -> HttpResponse:
    """Set its name, whom it is for, and its hours."""
    sequence = _sequence(pk)
    form = SequenceForm(request.POST)
    if not form.is_valid():
        return _detail(request, sequence, form=form, status=422)
    try:
        services.change(sequence, by=request.user.get_username(), **form.cleaned_data)
    except services.NotPossible as reason:
        form.add_error("name", str(reason))
        return _detail(request, _sequence(pk), form=form, status=422)
    messages.success(request, "Saved.")
    return redirect("sequence-detail", pk=pk)


@require_POST
def switch(request: Request, pk: int) -> HttpResponse:
    """Pause a sequence, or let it go on."""
    sequence, active = _sequence(pk), request.POST.get("active") == "on"
    words = "It runs." if active else "Paused. Whoever is in it stays where they are."

    def act(by: str) -> None:
        services.set_active(sequence, active, by=by)

    return _try(request, act, words, pk)


@require_POST
def add_step(request: Request, pk: int) -> HttpResponse:
    """Add a step."""
    sequence = _sequence(pk)
    form = StepForm(request.POST)
    if not form.is_valid():
        return _detail(request, sequence, step_form=form, status=422)
    try:
        made = services.add_step(sequence, by=request.user.get_username(), **form.cleaned_data)
    except services.NotPossible as reason:
        form.add_error(None, str(reason))
        return _detail(request, sequence, step_form=form, status=422)
    return redirect("wording-new", pk=made.pk)


@require_POST
def set_day(request: Request, pk: int) -> HttpResponse:
    """Put a step on another day."""
    step = _step(pk)
    form = DayForm(request.POST)
    if not form.is_valid():
        messages.error(request, f"A day is a number from 0 to {services.MOST_DAYS}.")
        return redirect("sequence-detail", pk=step.sequence_id)
    day = form.cleaned_data["day"]

    def act(by: str) -> None:
        services.set_day(step, day, by=by)

    return _try(request, act, f"Day {day}.", step.sequence_id)


@require_POST
def move_step(request: Request, pk: int) -> HttpResponse:
    """Let a step change places with the one before or after it."""
    step, up = _step(pk), request.POST.get("way") == "up"

    def act(by: str) -> None:
        services.move_step(step, up=up, by=by)

    return _try(request, act, f"Moved {'up' if up else 'down'}.", step.sequence_id)


@require_POST
def remove_step(request: Request, pk: int) -> HttpResponse:
    """Take a step out."""
    step = _step(pk)

    def act(by: str) -> None:
        services.remove_step(step, by=by)

    return _try(request, act, "Removed. Its wordings are kept in Activity.", step.sequence_id)


@require_POST
def stop_enrollment(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Take somebody out of a sequence."""
    found = get_object_or_404(Enrollment.objects.select_related("prospect"), pk=pk)
    by = request.user.get_username()
    if found.status == Enrollment.Status.ACTIVE and outreach.stop(
        found.prospect, Enrollment.Stop.OPERATOR, by=by
    ):
        messages.success(request, f"{found.prospect} is out; what waited is withdrawn.")
    else:
        messages.warning(request, f"{found.prospect} is out of it already.")
    return redirect("sequence-detail", pk=found.sequence_id)


@require_safe
def new_wording(request: Request, pk: int) -> HttpResponse:
    """Show an empty wording of a step."""
    step = _step(pk)
    taken = {variant.name for variant in step.variants.all()}
    name = next((letter for letter in "ABCDEF" if letter not in taken), "")
    return _wording(request, step, None, WordingForm(step, initial={"name": name}))


@require_safe
def wording_detail(request: Request, pk: int) -> HttpResponse:
    """Show a wording, and how it reads with a real prospect."""
    variant = _variant(pk)
    initial = {"name": variant.name, "subject": variant.subject, "body": variant.body}
    return _wording(request, variant.step, variant, WordingForm(variant.step, initial=initial))


@require_POST
def save_wording(request: Request, pk: int, variant: int = 0) -> HttpResponse:
    """Save a wording of a step, a new one where none is named."""
    step = _step(pk)
    changed = get_object_or_404(Variant, pk=variant, step=step) if variant else None
    form = WordingForm(step, request.POST)
    if request.POST.get("then") == "preview":
        return _wording(request, step, changed, form)
    if not form.is_valid():
        return _wording(request, step, changed, form, status=422)
    try:
        by = request.user.get_username()
        services.save_variant(step, changed, by=by, **form.cleaned_data)
    except services.NotPossible as reason:
        form.add_error(None, str(reason))
        return _wording(request, step, changed, form, status=422)
    messages.success(request, "Saved. Drafts from now on use it.")
    return redirect(f"{reverse('sequence-detail', args=[step.sequence_id])}#step-{step.pk}")


@require_POST
def switch_wording(request: Request, pk: int) -> HttpResponse:
    """Use a wording, or no longer."""
    variant, active = _variant(pk), request.POST.get("active") == "on"

    def act(by: str) -> None:
        services.switch_variant(variant, active, by=by)

    words = f"“{variant}” is {'used' if active else 'no longer used'}."
    return _try(request, act, words, variant.step.sequence_id)


def _sequence(pk: int) -> Sequence:
    return get_object_or_404(Sequence.objects.select_related("ideal_customer"), pk=pk)


def _step(pk: int) -> SequenceStep:
    return get_object_or_404(SequenceStep.objects.select_related("sequence"), pk=pk)


def _variant(pk: int) -> Variant:
    return get_object_or_404(Variant.objects.select_related("step__sequence"), pk=pk)


def _try(request: Request, act: Callable[[str], None], words: str, pk: int) -> HttpResponse:
    """Do it and say so, or say why not; back to the sequence."""
    try:
        act(request.user.get_username())
    except services.NotPossible as reason:
        messages.error(request, f"Nothing was changed. {reason}")
    else:
        messages.success(request, words)
    return redirect("sequence-detail", pk=pk)


def _list(request: HttpRequest, *, form: Form | None = None, status: int = 200) -> HttpResponse:
    context = {
        "rows": sequences.rows(),
        "tasks": sequences.open_tasks(),
        "form": form or NewSequenceForm(),
    }
    return page(request, LIST, context, partials=["sequence-table"], status=status)


def _detail(
    request: HttpRequest,
    sequence: Sequence,
    *,
    form: Form | None = None,
    step_form: Form | None = None,
    status: int = 200,
) -> HttpResponse:
    known = sequences.people(sequence)
    steps = sequences.steps(sequence, known)
    people = sequences.inside(sequence).select_related("prospect", "contact")
    pages = Paginator(people.order_by("due_at", "pk"), PEOPLE)
    pages.count = known.inside
    initial: dict[str, Any] = {
        name: getattr(sequence, name)
        for name in ("name", "ideal_customer", "send_from", "send_until")
    }
    last = steps[-1].step.day if steps else -3
    context = {
        "sequence": sequence,
        "steps": steps,
        "funnel": sequences.funnel("People by step", steps, known.enrolled),
        "enrolled": known.enrolled,
        "left": dict(known.left.most_common()),
        "people": pages.get_page(asked(request, "page")),
        "unready": services.unready(sequence) if not sequence.active else "",
        "form": form or SequenceForm(initial=initial),
        "step_form": step_form or StepForm(initial={"day": last + 3, "channel": "email"}),
    }
    return page(request, DETAIL, context, partials=["sequence-body"], status=status)


def _wording(
    request: Request,
    step: SequenceStep,
    variant: Variant | None,
    form: WordingForm,
    *,
    status: int = 200,
) -> HttpResponse:
    examples = wordings.examples(step.sequence)
    asked_for = request.POST.get("prospect", "") or asked(request, "prospect")
    chosen = [one for one in examples if str(one.pk) == asked_for] or examples[:1]
    text = {name: str(form[name].value() or "").replace("\r\n", "\n") for name in form.fields}
    context = {
        "step": step,
        "variant": variant,
        "form": form,
        "checked": form.is_bound and form.errors,
        "examples": examples,
        "preview": wordings.preview(
            step, text.get("subject", ""), text["body"], chosen[0], request.profile
        )
        if chosen
        else None,
        "placeholders": wording.PLACEHOLDERS.items(),
        "words": len(text["body"].split()),
        "most_words": wording.MOST_WORDS,
        "profile": request.profile,
    }
    return page(request, WORDING, context, partials=["wording-preview"], status=status)
