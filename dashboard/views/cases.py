"""Rendering the cockpit: the queue as the operator filtered it, and one case with its reasons."""

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from agents import fleet
from control import approvals, autonomy, decisions, takeovers, trust
from control.autonomy import Freedom
from control.models import Action, Decision
from dashboard.deciding import cockpit, queue, thread
from dashboard.house.forms import DELAYS, NOTES, REJECTIONS, delayed_until
from dashboard.sales import scores
from dashboard.web import page
from pipeline.models import Lead, Prospect

TEMPLATE = "control/approval_list.html"
PARTIALS = ("cockpit", "queue", "case")
UNTOLD = (Decision.Verdict.SNOOZE, Decision.Verdict.REOPEN)


def looked(request: HttpRequest) -> int | None:
    """Return the seconds the page says the operator looked, or None if it says nothing usable."""
    try:
        seconds = int(request.POST.get("seconds", ""))
    except ValueError:
        return None
    return max(0, min(decisions.MOST_SECONDS, seconds))


def show(
    request: HttpRequest,
    action: Action | None = None,
    *,
    rows: list[Action] | None = None,
    typed: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
    notice: str = "",
    status: int = 200,
) -> HttpResponse:
    """Render the cockpit, or the part of it that is asked for; without an action, the first.

    `rows` is the queue where the caller has it; else it is read.
    """
    context = {**_queue(request, rows), "notice": notice}
    action = action or next((item.action for item in context["items"]), None)
    context["action"] = action
    if action is not None and not _only(request, "queue"):
        editing = typed is not None or "edit" in request.GET
        context |= _case(action, context["ids"], request.profile.phase)  # type: ignore[attr-defined]
        context |= {
            "editing": editing and context["decidable"],
            "kept": typed if typed and not context["decidable"] else None,
            "fields": cockpit.fields(action, typed, errors) if editing else [],
            "changes": cockpit.changes(action, typed) if typed else [],
        }
    return page(request, TEMPLATE, context, partials=PARTIALS, status=status)


def _only(request: HttpRequest, target: str) -> bool:
    return bool(request.htmx) and request.htmx.target == target  # type: ignore[attr-defined]


def _queue(request: HttpRequest, rows: list[Action] | None) -> dict[str, Any]:
    scope = queue.scope(request.GET)
    rows = queue.rows(scope) if rows is None else rows
    return {
        "scope": scope,
        "parts": queue.parts(scope),
        "ids": [row.pk for row in rows],
        "items": [cockpit.item(row) for row in rows],
        "show": "queue" if request.GET.get("show") == "queue" else "case",
        "just": cockpit.just_decided(request.user),  # type: ignore[arg-type]
        "recallable": cockpit.leaving() if request.method == "POST" else [],
    }


def _case(action: Action, ids: list[uuid.UUID], phase: int) -> dict[str, Any]:
    before, after = cockpit.neighbours(ids, action.pk)
    lead, letters = _thread(action)
    prospect = _prospect(action)
    decided = list(action.decisions.all())
    decidable = action.status in approvals.DECIDABLE
    return {
        "label": cockpit.label(action),
        "before": before,
        "after": after,
        "next": after or before,
        "position": ids.index(action.pk) + 1 if action.pk in ids else None,
        "decidable": decidable,
        "doubtful": action.status == Action.Status.UNKNOWN,
        "consequence": cockpit.consequence(action) if decidable else "",
        "lead": lead,
        "prospect": prospect,
        "evidence": cockpit.evidence(action),
        "letters": letters,
        "dimensions": scores.by_dimension(lead) if lead else [],
        "takeover": None if decidable else takeovers.of(action.subject_type, action.subject_id),
        "freedom": _freedom(action, phase) if decidable else None,
        "threshold": trust.THRESHOLD,
        "decisions": [d for d in decided if d.verdict not in UNTOLD],
        "undoable": action.status == Action.Status.DONE and not action.outward,
        "parameters": [] if action.rendered else cockpit.plain(action.params),
        "rejections": REJECTIONS,
        "notes": NOTES,
        "snoozes": _snoozes(action) if decidable else [],
    }


def _freedom(action: Action, phase: int) -> Freedom | None:
    """Return how far the agent may do such things by itself; None for what no agent proposed."""
    try:
        fleet.get(action.agent)
    except fleet.UnknownAgent:
        return None
    return autonomy.of(action.agent, action.kind, phase)


def _thread(action: Action) -> tuple[Lead | None, list[thread.Letter]]:
    if action.subject_type != Lead._meta.label_lower:
        return None, []
    return thread.of(action.subject_id)


def _prospect(action: Action) -> Prospect | None:
    """Return the prospect an action is about, and nothing where it is about something else."""
    if action.subject_type != Prospect._meta.label_lower:
        return None
    return Prospect.objects.filter(pk=action.subject_id).defer("description").first()


def _snoozes(action: Action) -> list[tuple[int, str, str]]:
    """Return (key, value, words) of what is ahead and before the action lapses."""
    now = timezone.now()
    return [
        (number, value, words)
        for number, (value, words) in enumerate(DELAYS, start=1)
        if now < delayed_until(value) < action.expires_at
    ]
