"""Clients: the list, and one client with what was done for it."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from agency.models import Client
from control import autonomy, kinds, switches
from control.models import AutonomyRule, KillSwitch
from dashboard.house.forms import ClientRuleForm, ReasonForm
from dashboard.sales import clients
from dashboard.views.stop import backlog_words
from dashboard.web import PAGE_SIZE, Request, asked, page

LIST = "agency/client_list.html"
DETAIL = "agency/client_detail.html"
LATEST_DEALS = 5
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
    return _render(request, get_object_or_404(autonomy.with_rules(Client.objects.all()), slug=slug))


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


@require_POST
def tighten(request: Request, slug: str) -> HttpResponse:
    """Have agents ask, or forbid them something, for one client."""
    client = get_object_or_404(Client, slug=slug)
    form = ClientRuleForm(request.POST)
    if not form.is_valid():
        return _render(request, client, rule_form=form, status=422)
    said = form.cleaned_data
    try:
        autonomy.tighten(
            said["agent"],
            said["kind"],
            said["level"],
            reason=said["reason"],
            by=request.user.get_username(),
            client=client,
        )
    except autonomy.SaidAlready as already:
        messages.warning(request, str(already))
    else:
        messages.success(request, f"The rule holds for {client} from now on.")
    return redirect(f"{reverse('client-detail', args=[slug])}#rules")


@require_POST
def lift(request: Request, slug: str, pk: int) -> HttpResponse:
    """Take away a rule that was made for this client."""
    rule = get_object_or_404(AutonomyRule, pk=pk, client__slug=slug)
    autonomy.lift(rule, by=request.user.get_username())
    messages.success(request, "The rule is lifted; what it held back is looked at again.")
    return redirect(f"{reverse('client-detail', args=[slug])}#rules")


def _render(
    request: HttpRequest,
    client: Client,
    *,
    form: Form | None = None,
    rule_form: ClientRuleForm | None = None,
    status: int = 200,
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
        "deals": client.deals.select_related("package").order_by("-pk")[:LATEST_DEALS],
        "timeline": clients.timeline(client, history),
        "switch": engaged,
        "waiting": waiting,
        "waiting_words": switches.in_words(waiting),
        "form": form,
        "rules": autonomy.of_client(client),
        "rule_form": rule_form or ClientRuleForm(),
    }
    return page(request, DETAIL, context, partials=["client-body"], status=status)


def _label(kind: str) -> str:
    try:
        return kinds.get(kind).label
    except kinds.UnknownActionKind:
        return kind.replace("_", " ").capitalize()
