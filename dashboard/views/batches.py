"""Several drafts at once: every body in full, then one decision on all of them."""

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import push_url

from control import approvals, batches
from control.batches import Outcome, Picked
from control.models import Action
from dashboard.deciding import cockpit, queue
from dashboard.house.forms import REJECTIONS, RejectForm
from dashboard.views import cases
from dashboard.web import Request, page

TEMPLATE = "control/batch.html"
TOLD = 5


@require_safe
def batch(request: HttpRequest) -> HttpResponse:
    """Show every picked draft in full."""
    return _show(request, request.GET.getlist("pick"))


@require_POST
def approve_all(request: Request) -> HttpResponse:
    """Approve each that is still what was shown."""
    picked = _picked(request)
    if not picked:
        return _nothing(request)
    outcomes = batches.approve_all(picked, by=request.user, seconds=cases.looked(request))
    return _tell(request, "Approved", outcomes)


@require_POST
def reject_all(request: Request) -> HttpResponse:
    """Reject each that is still what was shown, for one reason."""
    picked, form = _picked(request), RejectForm(request.POST)
    if not picked:
        return _nothing(request)
    if not form.is_valid():
        notice = "Nothing was decided. Say why, or pick a reason."
        return _show(request, [str(one.pk) for one in picked], notice=notice, status=422)
    reason = form.cleaned_data["reason"]
    outcomes = batches.reject_all(
        picked, by=request.user, reason=reason, seconds=cases.looked(request)
    )
    return _tell(request, "Rejected", outcomes)


def _picked(request: HttpRequest) -> list[Picked]:
    """Return what was left ticked; what makes no sense was never shown."""
    found = []
    for item in request.POST.getlist("item")[: batches.MOST]:
        key, _, seen = item.partition(":")
        try:
            found.append(Picked(uuid.UUID(key), seen))
        except ValueError:
            continue
    return found


def _show(
    request: HttpRequest, keys: list[str], *, notice: str = "", status: int = 200
) -> HttpResponse:
    ids = []
    for key in keys:
        try:
            ids.append(uuid.UUID(key))
        except ValueError:
            continue
    found = Action.objects.in_bulk(ids[: batches.MOST])
    actions = [found[pk] for pk in dict.fromkeys(ids) if pk in found]
    fit = [action for action in actions if _fits(action)]
    context = {
        "scope": queue.scope(request.GET),
        "drafts": [(action, cockpit.item(action), cockpit.consequence(action)) for action in fit],
        "left_out": [cockpit.item(action) for action in actions if not _fits(action)],
        "beyond": max(0, len(ids) - batches.MOST),
        "most": batches.MOST,
        "rejections": REJECTIONS,
        "notice": notice,
    }
    return page(request, TEMPLATE, context, partials=["cockpit"], status=status)


def _fits(action: Action) -> bool:
    return action.status in approvals.DECIDABLE and action.stakes != Action.Stakes.HIGH


def _nothing(request: Request) -> HttpResponse:
    messages.warning(request, "Nothing was ticked, so nothing was decided.")
    return _back(request)


def _tell(request: Request, verb: str, outcomes: list[Outcome]) -> HttpResponse:
    done = sum(1 for outcome in outcomes if outcome.decision)
    if done:
        messages.success(request, f"{verb} {done} of {len(outcomes)}.")
    left_out = [outcome for outcome in outcomes if not outcome.decision]
    for outcome in left_out[:TOLD]:
        messages.warning(request, f"Left out: {cockpit.title(outcome.action)}. {outcome.why}")
    if len(left_out) > TOLD:
        messages.warning(request, f"{len(left_out) - TOLD} more were left out; they still wait.")
    return _back(request)


def _back(request: Request) -> HttpResponse:
    chosen = queue.scope(request.GET)
    rows = queue.rows(chosen)
    action = rows[0] if rows else None
    name, args = ("approval-detail", [action.pk]) if action else ("approval-list", [])
    url = reverse(name, args=args) + chosen.query
    if not request.htmx:
        return redirect(url)
    return push_url(cases.show(request, action, rows=rows), url)
