"""The prospects: the table, and what is done to many of them after a look."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from agency import audit
from agency.models import AuditEntry
from agents import fleet, runs
from dashboard.finding import prospects
from dashboard.finding.prospect_forms import BULK_FORMS
from dashboard.web import Request, asked, page
from pipeline import by_hand
from pipeline import prospect_filters as filters
from pipeline.models import Prospect, World
from pipeline.prospect_filters import Filter

VERBS = {
    "research": "Research again",
    "enroll": "Add to a sequence",
    "drop": "Drop",
    "suppress": "Never write to",
}
EXPLAINED = {
    "research": "The Researcher reads each site again. What you set by hand stays.",
    "enroll": "Each needs an address and must not be in a sequence already; others are left out."
    " The first mail waits for you as far as your rules say so.",
    "drop": "Nobody researches or writes to them any more; a sequence they are in stops."
    " You can take it back right after.",
    "suppress": "Their domain and addresses go on the suppression list and a sequence they are in"
    " stops. You can take it back right after.",
}
DONE = {"enroll": "Added", "drop": "Dropped", "suppress": "Never written to again"}
ACTS: dict[str, Callable[..., by_hand.Change]] = {
    "enroll": by_hand.enroll,
    "drop": by_hand.drop,
    "suppress": by_hand.suppress,
}
UNDOABLE = ("drop", "suppress")
SAMPLE = 8


@require_safe
def prospect_list(request: Request) -> HttpResponse:
    """List the prospects of a filter, sorted."""
    chosen, sort, problem = prospects.query_of(request.GET)
    found = prospects.count(chosen)
    context = {
        "page": prospects.read(chosen, sort, asked(request, "after"), found),
        "chosen": chosen,
        "sort": sort,
        "sorts": filters.SORTS,
        "problem": problem,
        "fields": prospects.hidden(chosen),
        "narrowed": bool(chosen.fields()),
        "found": found,
        "found_words": prospects.in_words(found),
        "statuses": [("", "All"), *Prospect.Status.choices],
        "worlds": World.choices,
        "choices": prospects.choices(),
        "verbs": VERBS,
    }
    return page(request, "pipeline/prospect_list.html", context, partials=["prospect-table"])


@require_http_methods(["GET", "HEAD", "POST"])
def bulk(request: Request) -> HttpResponse:
    """Show what a verb would do to the prospects of a filter; once confirmed, do it."""
    data = request.POST if request.method == "POST" else request.GET
    chosen, sort, problem = prospects.query_of(data)
    verb = data.get("verb", "")
    if problem or verb not in VERBS:
        messages.error(request, problem or "Say what to do with them.")
        return redirect(_address(Filter() if problem else chosen, sort))
    if request.method == "POST":
        return _confirmed(request, chosen, sort, verb)
    return _preview(request, chosen, sort, verb)


@require_POST
def undo(request: Request, pk: UUID) -> HttpResponse:
    """Take back a change of many."""
    try:
        change = by_hand.undo(pk, by=request.user)
    except by_hand.NotPossible as reason:
        messages.warning(request, str(reason))
    else:
        messages.success(request, f"Taken back for {prospects.in_words(change.count)}.")
    if request.htmx:
        return render(request, "components/messages.html", {"oob": False})
    return redirect("prospect-list")


def _preview(
    request: Request, chosen: Filter, sort: str, verb: str, *, status: int = 200
) -> HttpResponse:
    found = prospects.count(chosen)
    form = BULK_FORMS.get(verb)
    context = {
        "verb": verb,
        "label": VERBS[verb],
        "explained": EXPLAINED[verb],
        "form": form(request.POST if status == 422 else None) if form else None,
        "found": found,
        "found_words": prospects.in_words(found),
        "reached": min(found, by_hand.AT_ONCE),
        "sample": filters.ordered(chosen.prospects(), sort)[:SAMPLE],
        "fields": prospects.hidden(chosen, sort),
        "back": _address(chosen, sort),
        "grew": status == 409,
    }
    return render(request, "pipeline/prospect_bulk.html", context, status=status)


def _confirmed(request: Request, chosen: Filter, sort: str, verb: str) -> HttpResponse:
    shown = request.POST.get("count", "")
    meant = filters.ordered(chosen.prospects(), sort).values_list("pk", flat=True)
    keys = list(meant[: by_hand.AT_ONCE])
    if not shown.isdecimal() or len(keys) > int(shown[:9]) or not keys:
        return _preview(request, chosen, sort, verb, status=409)
    if verb == "research":
        messages.success(request, research(keys, by=request.user.get_username()))
        return redirect(_address(_kept(chosen), sort))
    form = BULK_FORMS[verb](request.POST)
    if not form.is_valid():
        return _preview(request, chosen, sort, verb, status=422)
    change = ACTS[verb](keys, *form.cleaned_data.values(), by=request.user)
    say(request, verb, change)
    return redirect(_address(_kept(chosen), sort))


def say(request: Request, verb: str, change: by_hand.Change) -> None:
    """Say what a change did, and offer to take it back."""
    said = f"{DONE[verb]}: {prospects.in_words(change.count)}."
    if change.left_out:
        said += f" Left out, among others: {change.left_out[0]}."
    undoable = change.count and verb in UNDOABLE
    messages.success(
        request, said, extra_tags=reverse("prospect-undo", args=[change.pk]) if undoable else ""
    )


def research(keys: list[UUID], *, by: str) -> str:
    """Have the Researcher look at prospects again; say so."""
    agent = fleet.get("researcher")
    with transaction.atomic():
        found = list(Prospect.objects.filter(pk__in=keys, merged_into=None))
        for prospect in found:
            runs.start(agent, prospect, lane="bulk" if len(found) > 1 else None)
        words = prospects.in_words(len(found)) if len(found) != 1 else str(found[0])
        audit.record(
            "prospect.researched_again",
            f"{by} had the Researcher look at {words} again",
            actor=by,
            actor_kind=AuditEntry.ActorKind.USER,
            obj=found[0] if len(found) == 1 else None,
            data={"prospects": [str(prospect.pk) for prospect in found]},
        )
    return f"The Researcher looks at {words} again."


def _kept(chosen: Filter) -> Filter:
    """Return the filter to go back to: chosen rows are none."""
    return Filter() if chosen.ids else chosen


def _address(chosen: Filter, sort: str) -> str:
    query = prospects.query(chosen, sort)
    return f"{reverse('prospect-list')}?{query}" if query else reverse("prospect-list")
