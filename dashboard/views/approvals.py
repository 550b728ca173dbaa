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
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import push_url, trigger_client_event

from control import approvals, undo
from control.models import Action, Decision
from dashboard import cockpit, scores
from dashboard.forms import REJECTIONS, SNOOZES, NoteForm, RejectForm, SnoozeForm
from dashboard.web import Request, page

TEMPLATE = "control/approval_list.html"
PARTIALS = ("cockpit", "queue", "case")

Refusal = (approvals.Stale, approvals.NotAllowed)


@require_safe
def approval_list(request: HttpRequest) -> HttpResponse:
    """Show the queue and the first thing in it."""
    return _render(request, cockpit.waiting().first())


@require_safe
def approval_detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Show the queue and one thing, decided or not."""
    return _render(request, get_object_or_404(Action, pk=pk))


@require_POST
def approve(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Approve exactly what was shown."""

    def act(action: Action) -> str:
        approvals.approve(action, by=request.user, seen_hash=request.POST.get("hash", ""))
        return "" if action.outward else f"Done: {action.summary}"

    return _decide(request, pk, act)


@require_POST
def edit(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Save the operator's wording, and approve it when asked to."""
    action = get_object_or_404(Action, pk=pk)
    typed = {field.name: request.POST.get(field.name, "") for field in cockpit.fields(action)}
    changes = {n: text.replace("\r\n", "\n").replace("\0", "") for n, text in typed.items()}
    also_approve = request.POST.get("then") == "approve"
    following = _following(action)
    try:
        with transaction.atomic():
            edited = approvals.edit(
                action, changes, by=request.user, seen_hash=request.POST.get("hash", "")
            )
            if also_approve:
                approvals.approve(edited, by=request.user, seen_hash=edited.content_hash)
    except approvals.BadEdit as bad:
        return _render(request, action, typed=typed, errors={bad.field: bad.reason}, status=422)
    except Refusal as refusal:
        action.refresh_from_db()
        return _render(request, action, typed=typed, notice=str(refusal), status=409)
    if also_approve:
        return _go_on(request, following)
    messages.success(request, "Saved. It still waits for your approval.")
    return _go_on(request, action.pk)


@require_POST
def reject(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Turn it down, with the reason."""

    def act(action: Action, form: Form) -> str:
        reason = form.cleaned_data["reason"]
        seen = request.POST.get("hash", "")
        approvals.reject(action, by=request.user, seen_hash=seen, reason=reason)
        return f"Rejected: {cockpit.title(action)}"

    return _decide_by_form(request, pk, RejectForm(request.POST), act)


@require_POST
def send_back(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Have the agent try again, with a note."""

    def act(action: Action, form: Form) -> str:
        note = form.cleaned_data["note"]
        seen = request.POST.get("hash", "")
        approvals.send_back(action, by=request.user, seen_hash=seen, note=note)
        return f"Sent back to {action.agent.capitalize()} with your note."

    return _decide_by_form(request, pk, NoteForm(request.POST), act)


@require_POST
def snooze(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Put it off for an hour, or to tomorrow morning."""

    def act(action: Action, form: Form) -> str:
        assert isinstance(form, SnoozeForm)  # noqa: S101 - for the type checker
        seen = request.POST.get("hash", "")
        approvals.snooze(action, by=request.user, seen_hash=seen, until=form.moment())
        chosen = dict(SNOOZES)[form.cleaned_data["until"]].lower()
        return f"Put off: {cockpit.title(action)}, {chosen}."

    return _decide_by_form(request, pk, SnoozeForm(request.POST), act)


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
    back = request.POST.get("back", "")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}):
        back = reverse("approval-detail", args=[pk])
    return redirect(back)


def _decide(request: Request, pk: uuid.UUID, act: Callable[[Action], str]) -> HttpResponse:
    action = get_object_or_404(Action, pk=pk)
    following = _following(action)
    try:
        said = act(action)
    except Refusal as refusal:
        action.refresh_from_db()
        return _render(request, action, notice=str(refusal), status=409)
    if said:
        messages.success(request, said)
    return _go_on(request, following)


def _decide_by_form(
    request: Request, pk: uuid.UUID, form: Form, act: Callable[[Action, Any], str]
) -> HttpResponse:
    if not form.is_valid():
        first = next(iter(form.errors.values()))[0]
        action = get_object_or_404(Action, pk=pk)
        return _render(request, action, notice=f"Nothing was decided. {first}", status=422)
    return _decide(request, pk, lambda action: act(action, form))


def _following(action: Action) -> uuid.UUID | None:
    """Return what to show once `action` is decided: the next below it, else the one above."""
    ids = list(cockpit.waiting().values_list("pk", flat=True)[: cockpit.SHOWN])
    before, after = cockpit.neighbours(ids, action.pk)
    return after or before


def _go_on(request: Request, pk: uuid.UUID | None) -> HttpResponse:
    """Show the next thing: in place when HTMX asks, else by a redirect."""
    url = reverse("approval-detail", args=[pk]) if pk else reverse("approval-list")
    if not request.htmx:
        return redirect(url)
    action = Action.objects.filter(pk=pk).first() if pk else cockpit.waiting().first()
    return push_url(_render(request, action), url)


def _render(
    request: HttpRequest,
    action: Action | None,
    *,
    typed: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
    notice: str = "",
    status: int = 200,
) -> HttpResponse:
    rows = list(cockpit.waiting()[: cockpit.SHOWN])
    context: dict[str, Any] = {
        "items": [cockpit.item(row) for row in rows],
        "counts": cockpit.counts(),
        "show": "queue" if request.GET.get("show") == "queue" else "case",
        "action": action,
        "notice": notice,
        "recallable": cockpit.leaving() if request.method == "POST" else [],
    }
    if request.GET.get("show") == "snoozed":
        context["snoozed"] = [cockpit.item(row) for row in cockpit.snoozed()[: cockpit.SHOWN]]
        context["show"] = "queue"
    if action is not None:
        editing = typed is not None or "edit" in request.GET
        context |= _case(action, [row.pk for row in rows])
        context |= {
            "editing": editing and context["decidable"],
            "kept": typed if typed and not context["decidable"] else None,
            "fields": cockpit.fields(action, typed, errors) if editing else [],
        }
    return page(request, TEMPLATE, context, partials=PARTIALS, status=status)


def _case(action: Action, ids: list[uuid.UUID]) -> dict[str, Any]:
    before, after = cockpit.neighbours(ids, action.pk)
    lead = cockpit.lead(action)
    decisions = list(action.decisions.all())
    return {
        "label": cockpit.label(action),
        "before": before,
        "after": after,
        "position": ids.index(action.pk) + 1 if action.pk in ids else None,
        "decidable": action.status in approvals.DECIDABLE,
        "doubtful": action.status == Action.Status.UNKNOWN,
        "consequence": cockpit.consequence(action),
        "lead": lead,
        "dimensions": scores.by_dimension(lead) if lead else [],
        "trust": cockpit.trust(action.agent, action.kind),
        "decisions": [d for d in decisions if d.verdict != Decision.Verdict.SNOOZE],
        "undoable": action.status == Action.Status.DONE and not action.outward,
        "parameters": [] if action.rendered else cockpit.plain(action.params),
        "rejections": REJECTIONS,
        "snoozes": SNOOZES,
    }
