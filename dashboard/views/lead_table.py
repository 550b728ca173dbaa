"""The pipeline's table: filters, saved ones, bulk changes with a preview, export."""

from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from agency import audit
from agency.models import AuditEntry
from agents import fleet, runs
from dashboard.sales import csv_file, lead_table, saved_filters
from dashboard.web import Request, asked, page
from pipeline import filters, moves
from pipeline.filters import Filter
from pipeline.models import Lead, SavedFilter, Stage

VERBS = {
    "won": "Mark won",
    "lost": "Mark lost",
    "open": "Open again",
    "rescore": "Score again",
}
SAMPLE = 8
LEADS = SavedFilter.Page.LEADS


@require_safe
def table(request: Request) -> HttpResponse:
    """List the leads of a filter, sorted."""
    chosen, sort, problem = lead_table.query_of(request.GET)
    found = lead_table.count(chosen)
    query = lead_table.query(chosen, sort)
    context = {
        "page": lead_table.read(chosen, sort, asked(request, "after")),
        "chosen": chosen,
        "sort": sort,
        "sorts": filters.SORTS,
        "problem": problem,
        "query": query,
        "filter_fields": _fields(chosen),
        "narrowed": bool(chosen.fields()),
        "found": found,
        "found_words": lead_table.in_words(found),
        "stages": Stage.choices,
        "ages": filters.AGES,
        "sources": lead_table.sources(),
        "clients": lead_table.clients(),
        "saved": saved_filters.of(request.user, LEADS),
        "verbs": VERBS,
        "own": filters.OWN,
    }
    return page(request, "pipeline/table.html", context, partials=["pipeline-table"])


@require_POST
def save_filter(request: Request) -> HttpResponse:
    """Keep the filter under a name."""
    chosen, sort, _ = lead_table.query_of(request.POST)
    query = lead_table.query(chosen, sort)
    problem = saved_filters.save(request.user, LEADS, request.POST.get("name", ""), query[:500])
    if problem:
        messages.error(request, problem)
    else:
        messages.success(request, "Kept.")
    return redirect(_address(chosen, sort))


@require_POST
def delete_filter(request: Request, pk: int) -> HttpResponse:
    """Remove a kept filter; nothing happens to the leads."""
    kept = get_object_or_404(SavedFilter, pk=pk, user=request.user)
    kept.delete()
    messages.success(request, f"Removed “{kept.name}”.")
    return redirect("pipeline-table" if kept.page == LEADS else "deal-table")


@require_http_methods(["GET", "HEAD", "POST"])
def bulk(request: Request) -> HttpResponse:
    """Show what a verb would do to the leads of a filter; once confirmed, do it."""
    data = request.POST if request.method == "POST" else request.GET
    chosen, sort, problem = lead_table.query_of(data)
    verb = data.get("verb", "")
    if problem or verb not in VERBS:
        messages.error(request, problem or "Say what to do with them.")
        return redirect(_address(Filter(), sort) if problem else _address(chosen, sort))
    if request.method == "POST":
        return _confirmed(request, chosen, sort, verb)
    return _preview(request, chosen, sort, verb)


def _preview(
    request: Request, chosen: Filter, sort: str, verb: str, *, status: int = 200
) -> HttpResponse:
    found = lead_table.count(chosen)
    reached = min(found, moves.AT_ONCE)
    context = {
        "verb": verb,
        "label": VERBS[verb],
        "found": found,
        "found_words": lead_table.in_words(found),
        "reached": reached,
        "sample": filters.ordered(chosen.leads().staged(), sort)[:SAMPLE],
        "fields": _fields(chosen, sort),
        "back": _address(chosen, sort),
        "grew": status == 409,
    }
    return render(request, "pipeline/bulk.html", context, status=status)


def _confirmed(request: Request, chosen: Filter, sort: str, verb: str) -> HttpResponse:
    shown = request.POST.get("count", "")
    keys = list(filters.ordered(chosen.leads(), sort).values_list("pk", flat=True)[: moves.AT_ONCE])
    if not shown.isdecimal() or len(keys) > int(shown[:9]) or not keys:
        return _preview(request, chosen, sort, verb, status=409)
    if verb == "rescore":
        said, undo = _rescore(request, keys), ""
    else:
        moved = moves.close_many(keys, verb, by=request.user)
        said = f"{lead_table.in_words(len(moved.leads))} changed.".capitalize()
        undo = reverse("move-undo", args=[moved.pk]) if moved.leads else ""
    messages.success(request, said, extra_tags=undo)
    return redirect(_address(Filter() if chosen.ids else chosen, sort))


def _rescore(request: Request, keys: list[UUID]) -> str:
    agent = fleet.get("qualifier")
    name = request.user.get_username()
    with transaction.atomic():
        found = list(Lead.objects.filter(pk__in=keys).select_related("client"))
        for lead in found:
            runs.start(agent, lead, lane="bulk")
        audit.record(
            "lead.rescored",
            f"{name} had the Qualifier look at {lead_table.in_words(len(found))} again",
            actor=name,
            actor_kind=AuditEntry.ActorKind.USER,
            data={"leads": [str(lead.pk) for lead in found]},
        )
    return f"The Qualifier looks at {lead_table.in_words(len(found))} again."


@require_POST
def export(request: Request) -> HttpResponseBase:
    """Send the leads of a filter as CSV; who took them is on the trail."""
    chosen, _, _ = lead_table.query_of(request.POST)
    name = request.user.get_username()
    audit.record(
        "lead.exported",
        f"{name} exported {lead_table.in_words(lead_table.count(chosen))}",
        actor=name,
        actor_kind=AuditEntry.ActorKind.USER,
        data={"filter": lead_table.query(chosen)},
    )
    rows = lead_table.export(chosen)
    return csv_file.streamed(request, rows, "leads")


def _fields(chosen: Filter, sort: str = filters.NEWEST) -> list[tuple[str, str]]:
    """Return the filter as a form hides it."""
    found = [(name, text) for name, texts in chosen.fields().items() for text in texts]
    return [*found, ("sort", sort)] if sort != filters.NEWEST else found


def _address(chosen: Filter, sort: str) -> str:
    query = lead_table.query(chosen, sort)
    return f"{reverse('pipeline-table')}?{query}" if query else reverse("pipeline-table")
