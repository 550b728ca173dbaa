"""The approval cockpit: what waits, the thing itself, why; and every decision about it."""

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import push_url, trigger_client_event
from pydantic import ValidationError

from control import approvals, kinds, recalls, takeovers, undo
from control.models import Action, Decision, Takeover
from dashboard.deciding import cockpit, queue
from dashboard.house.forms import DelayForm, NoteForm, RejectForm
from dashboard.views import cases
from dashboard.views.cases import looked
from dashboard.web import Request, way_back
from integrations.errors import ServiceError

Refusal = (approvals.Stale, approvals.NotAllowed)


@require_safe
def approval_list(request: HttpRequest) -> HttpResponse:
    """Show the queue and the first thing in it."""
    return cases.show(request)


@require_safe
def approval_detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Show the queue and one thing, decided or not."""
    return cases.show(request, get_object_or_404(Action, pk=pk))


@require_safe
def source(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Show a message as it goes over the wire, every header, as text."""
    action = get_object_or_404(Action, pk=pk)
    try:
        text, problem = kinds.get(action.kind).source(action, kinds.parsed(action)), ""
    except (ServiceError, ValidationError, KeyError) as error:
        text, problem = "", str(error)
    return render(
        request, "control/source.html", {"action": action, "source": text, "problem": problem}
    )


@require_POST
def approve(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Approve exactly what was shown."""

    def act(action: Action) -> str:
        seen = request.POST.get("hash", "")
        approvals.approve(action, by=request.user, seen_hash=seen, seconds=looked(request))
        return "" if action.outward else f"Done: {action.summary}"

    return _decide(request, pk, act)


@require_POST
def preview(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Show what the operator's wording changes; nothing is saved."""
    action = get_object_or_404(Action, pk=pk)
    typed = _typed(request, action)
    if request.htmx:
        return render(request, "control/diff.html", {"changes": cockpit.changes(action, typed)})
    return cases.show(request, action, typed=typed)


@require_POST
def edit(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Save the operator's wording, and approve it when asked to."""
    action = get_object_or_404(Action, pk=pk)
    typed, seen = _typed(request, action), request.POST.get("hash", "")
    also_approve = request.POST.get("then") == "approve"
    rows = queue.rows(queue.scope(request.GET))
    seconds = looked(request)
    try:
        with transaction.atomic():
            edited = approvals.edit(
                action,
                typed,
                by=request.user,
                seen_hash=seen,
                seconds=None if also_approve else seconds,
            )
            if also_approve:
                hash_now = edited.content_hash
                approvals.approve(edited, by=request.user, seen_hash=hash_now, seconds=seconds)
    except approvals.BadEdit as bad:
        return cases.show(request, action, typed=typed, errors={bad.field: bad.reason}, status=422)
    except Refusal as refusal:
        action.refresh_from_db()
        return cases.show(request, action, typed=typed, notice=str(refusal), status=409)
    if also_approve:
        return _next(request, rows, action)
    messages.success(request, "Saved. It still waits for your approval.")
    return _go_to(request, edited)


@require_POST
def reject(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Turn it down, with the reason."""

    def act(action: Action, form: Form) -> str:
        approvals.reject(
            action,
            by=request.user,
            seen_hash=request.POST.get("hash", ""),
            reason=form.cleaned_data["reason"],
            seconds=looked(request),
        )
        return ""

    return _decide_by_form(request, pk, RejectForm(request.POST), act)


@require_POST
def send_back(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Have the agent try again, with a note."""

    def act(action: Action, form: Form) -> str:
        approvals.send_back(
            action,
            by=request.user,
            seen_hash=request.POST.get("hash", ""),
            note=form.cleaned_data["note"],
            seconds=looked(request),
        )
        return ""

    return _decide_by_form(request, pk, NoteForm(request.POST), act)


@require_POST
def snooze(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Put it off."""

    def act(action: Action, form: Form) -> str:
        assert isinstance(form, DelayForm)  # noqa: S101 - for the type checker
        approvals.snooze(
            action,
            by=request.user,
            seen_hash=request.POST.get("hash", ""),
            until=form.moment(),
            seconds=looked(request),
        )
        return ""

    return _decide_by_form(request, pk, DelayForm(request.POST), act)


@require_POST
def take_over(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Handle its subject by hand; agents leave it alone until it is handed back."""

    def act(action: Action) -> str:
        seen = request.POST.get("hash", "")
        takeovers.take_over(action, by=request.user, seen_hash=seen, seconds=looked(request))
        return ""

    return _decide(request, pk, act)


@require_POST
def hand_back(request: Request, pk: int) -> HttpResponse:
    """Let agents act on a record again."""
    takeover = get_object_or_404(Takeover, pk=pk)
    if takeovers.hand_back(takeover, by=request.user):
        messages.success(request, "Handed back: agents may act on it again.")
    else:
        messages.warning(request, "It was handed back already.")
    return redirect(way_back(request, reverse("approval-list")))


@require_POST
def take_back(request: Request, pk: int) -> HttpResponse:
    """Undo a decision of a moment ago, and show its action again."""
    decision = get_object_or_404(Decision, pk=pk)
    try:
        action = recalls.take_back(decision, by=request.user)
    except recalls.TooLate as late:
        messages.warning(request, f"Not undone. {late}")
        return _go_to(request, decision.action)
    return _go_to(request, action)


@require_POST
def confirm_sent(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Settle a doubt: it went out."""

    def act(action: Action) -> str:
        if not approvals.confirm_sent(action, by=request.user):
            raise approvals.Stale("It is settled already.")
        return "Noted as sent."

    return _decide(request, pk, act)


@require_POST
def send_again(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Settle a doubt: it did not go out, so send it now."""

    def act(action: Action) -> str:
        if not approvals.send_again(action, by=request.user):
            raise approvals.Stale("It is settled already.")
        return "It goes out again."

    return _decide(request, pk, act)


@require_POST
def recall(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Call back an approved message within its undo window."""
    action = get_object_or_404(Action, pk=pk)
    if approvals.recall(action, by=request.user):
        messages.success(request, f"Called back; it waits for you again: {cockpit.title(action)}")
    else:
        messages.warning(request, f"Too late to call back: {cockpit.title(action)}")
    if request.htmx:
        response = render(request, "components/messages.html")
        return trigger_client_event(response, "live:approvals")
    return redirect("approval-detail", pk=pk)


@require_POST
def undo_action(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Put back what an action did, or say why not and what to do instead."""
    action = get_object_or_404(Action, pk=pk)
    (outcome,) = undo.undo([action], by=request.user)
    if outcome.undone:
        messages.success(request, f"Undone: {action.summary}")
    else:
        messages.warning(request, f"Not undone: {outcome.message}")
    here = reverse("approval-detail", args=[pk])
    return redirect(way_back(request, here))


def _typed(request: HttpRequest, action: Action) -> dict[str, str]:
    """Return what stands in the editor, as it would be saved."""
    typed = {field.name: request.POST.get(field.name, "") for field in cockpit.fields(action)}
    return {n: text.replace("\r\n", "\n").replace("\0", "") for n, text in typed.items()}


def _decide(request: Request, pk: uuid.UUID, act: Callable[[Action], str]) -> HttpResponse:
    action = get_object_or_404(Action, pk=pk)
    rows = queue.rows(queue.scope(request.GET))
    try:
        said = act(action)
    except Refusal as refusal:
        action.refresh_from_db()
        return cases.show(request, action, notice=str(refusal), status=409)
    if said:
        messages.success(request, said)
    return _next(request, rows, action)


def _decide_by_form(
    request: Request, pk: uuid.UUID, form: Form, act: Callable[[Action, Any], str]
) -> HttpResponse:
    if not form.is_valid():
        first = next(iter(form.errors.values()))[0]
        action = get_object_or_404(Action, pk=pk)
        notice = f"Nothing was decided. {first}"
        return cases.show(request, action, notice=notice, status=422)
    return _decide(request, pk, lambda action: act(action, form))


def _next(request: Request, rows: list[Action], decided: Action) -> HttpResponse:
    """Go on with what stood below what was decided, else with what stood above it."""
    before, after = cockpit.neighbours([row.pk for row in rows], decided.pk)
    following = next((row for row in rows if row.pk == (after or before)), None)
    return _go_to(request, following, [row for row in rows if row.pk != decided.pk])


def _go_to(
    request: Request, action: Action | None, rows: list[Action] | None = None
) -> HttpResponse:
    """Show it: in place when HTMX asks, else by a redirect."""
    url = reverse("approval-detail", args=[action.pk]) if action else reverse("approval-list")
    url += queue.scope(request.GET).query
    if not request.htmx:
        return redirect(url)
    return push_url(cases.show(request, action, rows=rows), url)
