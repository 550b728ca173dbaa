"""The deals' table: filters, saved ones, and export."""

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from agency import audit
from agency.models import AuditEntry
from dashboard.sales import csv_file, deal_table, saved_filters
from dashboard.web import Request, asked, page
from pipeline import deal_filters
from pipeline.deal_filters import Filter
from pipeline.models import Deal, DealStage, SavedFilter

DEALS = SavedFilter.Page.DEALS


@require_safe
def table(request: Request) -> HttpResponse:
    """List the deals of a filter, sorted."""
    chosen, sort, problem = deal_table.query_of(request.GET)
    total = deal_table.total(chosen)
    listed, rows = deal_table.read(chosen, sort, asked(request, "page"), total.count)
    context = {
        "page": listed,
        "rows": rows,
        "chosen": chosen,
        "sort": sort,
        "sorts": deal_filters.SORTS,
        "problem": problem,
        "query": deal_table.query(chosen, sort),
        "filter_fields": [(n, text) for n, texts in chosen.fields().items() for text in texts],
        "narrowed": bool(chosen.fields()),
        "total": total,
        "stages": [(deal_filters.OPEN, "Open"), *DealStage.choices],
        "lost": Deal.Lost.choices,
        "packages": deal_table.packages(),
        "saved": saved_filters.of(request.user, DEALS),
    }
    return page(request, "pipeline/deal_table.html", context, partials=["deal-table"])


@require_POST
def save_filter(request: Request) -> HttpResponse:
    """Keep the filter under a name."""
    chosen, sort, _ = deal_table.query_of(request.POST)
    query = deal_table.query(chosen, sort)
    problem = saved_filters.save(request.user, DEALS, request.POST.get("name", ""), query[:500])
    if problem:
        messages.error(request, problem)
    else:
        messages.success(request, "Kept.")
    return redirect(_address(chosen, sort))


@require_POST
def export(request: Request) -> HttpResponseBase:
    """Send the deals of a filter as CSV; who took them is on the trail."""
    chosen, _, _ = deal_table.query_of(request.POST)
    name = request.user.get_username()
    audit.record(
        "deal.exported",
        f"{name} exported {deal_table.total(chosen).words}",
        actor=name,
        actor_kind=AuditEntry.ActorKind.USER,
        data={"filter": deal_table.query(chosen)},
    )
    return csv_file.streamed(request, deal_table.export(chosen), "deals")


def _address(chosen: Filter, sort: str) -> str:
    query = deal_table.query(chosen, sort)
    return f"{reverse('deal-table')}?{query}" if query else reverse("deal-table")
