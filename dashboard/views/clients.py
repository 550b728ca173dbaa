"""Clients: the list, and one client with what was done for it."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from agency.models import Client
from control import kinds, switches
from control.models import KillSwitch
from dashboard import clients
from dashboard.forms import ReasonForm
from dashboard.views.stop import backlog_words
from dashboard.web import PAGE_SIZE, Request, asked, page

LIST = "agency/client_list.html"
DETAIL = "agency/client_detail.html"
COLUMNS = [
    ("runs", "Runs, 30 d"),
    ("done", "Done, 30 d"),
    ("leads", "Leads, 30 d"),
    ("usd", "Cost, 30 d"),
]


@require_safe
def client_list(request: HttpRequest) -> HttpResponse:
    """List the clients by name or by a number."""
    status, text, sort = (asked(request, name) for name in ("status", "q", "sort"))
    sort = sort if sort in clients.SORTS else "name"
    counts = clients.counts()
    pages = Paginator(clients.rows(status, text, sort), PAGE_SIZE)
    context = {
        "rows": pages.get_page(asked(request, "page")),
        "status": status,
        "q": text,
        "sort": sort,
        "columns": COLUMNS,
        "filters": [("", "All", counts["all"])]
        + [(value, label, counts.get(value, 0)) for value, label in Client.Status.choices],
        "total": counts["all"],
    }
    return page(request, LIST, context, partials=["client-table"])


@require_safe
def client_detail(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one client."""
    return _render(request, get_object_or_404(Client, slug=slug))


@require_POST
def stop(request: Request, slug: str) -> HttpResponse:
    """Stop everything for one client."""
    client = get_object_or_404(Client, slug=slug)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _render(request, client, form=form, status=422)
    try:
        switches.engage(
            KillSwitch.Scope.CLIENT,
            str(client.pk),
            reason=form.cleaned_data["reason"],
            by=request.user.get_username(),
        )
    except switches.AlreadyEngaged:
        messages.warning(request, f"{client} is stopped already.")
    else:
        messages.success(request, f"Nothing runs for {client} any more. What waits is kept.")
    return redirect("client-detail", slug=slug)


@require_POST
def resume(request: Request, slug: str) -> HttpResponse:
    """Let one client go on; run or discard what waited."""
    client = get_object_or_404(Client, slug=slug)
    switch = clients.stopped().get(str(client.pk))
    if switch is None:
        messages.warning(request, f"{client} is not stopped.")
    else:
        discard = request.POST.get("backlog") == "discard"
        count = switches.release(switch, by=request.user.get_username(), discard_backlog=discard)
        words = backlog_words(count, discard=discard)
        messages.success(request, f"{client} goes on; {words}.")
    return redirect("client-detail", slug=slug)


def _render(
    request: HttpRequest, client: Client, *, form: Form | None = None, status: int = 200
) -> HttpResponse:
    history = clients.switches_of(client)
    engaged = next((switch for switch in history if switch.released_at is None), None)
    reach = engaged or KillSwitch(scope=KillSwitch.Scope.CLIENT, value=str(client.pk))
    waiting = switches.waiting(reach)
    leads, came = clients.newest_leads(client)
    done = clients.done_for(client, came)
    context = {
        "client": client,
        "tone": clients.tone(client),
        "numbers": done.numbers,
        "spark": done.spark,
        "kinds": [(_label(kind), count) for kind, count in done.kinds],
        "leads": leads,
        "timeline": clients.timeline(client, history),
        "switch": engaged,
        "waiting": waiting,
        "waiting_words": switches.in_words(waiting),
        "form": form,
    }
    return page(request, DETAIL, context, partials=["client-body"], status=status)


def _label(kind: str) -> str:
    try:
        return kinds.get(kind).label
    except kinds.UnknownActionKind:
        return kind.replace("_", " ").capitalize()
