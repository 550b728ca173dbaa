"""Agents: the fleet, and one agent at a glance."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from agents import fleet, retrain
from control import switches, trust
from control.models import KillSwitch
from dashboard.fleet import agent_page, agent_runs, allowance, roster, whiteboard
from dashboard.house.forms import ReasonForm
from dashboard.sales import leads
from dashboard.web import Request, asked, page

VIEWS = ("map", "table")
RUNS_SHOWN = 8
RETRAINABLE = "qualifier"


@require_safe
def agent_list(request: HttpRequest) -> HttpResponse:
    """Show the fleet as a map, a table, or whichever fits the screen."""
    view = asked(request, "view")
    members = roster.members()
    found, lines, spots = roster.drawn(members)
    context = {
        "view": view if view in VIEWS else "auto",
        "members": members,
        "map": found,
        "lines": lines,
        "spots": spots,
    }
    return page(request, "agents/agent_list.html", context, partials=["agent-table"])


@require_safe
def agent_detail(request: Request, name: str) -> HttpResponse:
    """Show one agent at a glance."""
    return _overview(request, name)


@require_POST
def pause(request: Request, name: str) -> HttpResponse:
    """Stop one agent."""
    agent = agent_page.known(name)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _overview(request, name, pause_form=form, status=422)
    try:
        switches.engage(
            KillSwitch.Scope.AGENT,
            agent,
            reason=form.cleaned_data["reason"],
            by=request.user.get_username(),
        )
    except switches.AlreadyEngaged as already:
        messages.warning(request, f"{already}.".capitalize())
    return redirect("agent-detail", name=agent)


@require_POST
def resume(request: Request, name: str) -> HttpResponse:
    """Let one agent go on."""
    switch = KillSwitch.objects.filter(
        scope=KillSwitch.Scope.AGENT, value=agent_page.known(name), released_at=None
    ).first()
    if switch is None:
        messages.warning(request, "It is not stopped.")
    else:
        discard = request.POST.get("backlog") == "discard"
        count = switches.release(switch, by=request.user.get_username(), discard_backlog=discard)
        did = "discarded" if discard else "went on"
        waited = switches.in_words(count)
        messages.success(request, f"{name.capitalize()} runs again; {waited} waiting jobs {did}.")
    return redirect("agent-detail", name=name)


@require_POST
def start_retrain(request: Request, name: str) -> HttpResponse:
    """Refit what an agent learns from outcomes into a new version."""
    if agent_page.known(name) != RETRAINABLE:
        raise Http404
    try:
        retrain.start(by=request.user.get_username())
    except retrain.TooFew as few:
        messages.warning(request, str(few))
    else:
        messages.success(request, "Retraining; the new version appears below in a moment.")
    return redirect("agent-settings", name=name)


def _overview(
    request: Request, name: str, *, pause_form: ReasonForm | None = None, status: int = 200
) -> HttpResponse:
    agent = fleet.get(agent_page.known(name))
    allowed = allowance.read(agent)
    earned = trust.read([name])
    runs = allowed.runs[:RUNS_SHOWN]
    context = {
        "board": whiteboard.read(agent, request.profile, earned[name]),
        "promise": leads.promise(roster.DAY) if name == RETRAINABLE else None,
        "runs": runs,
        "subjects": agent_runs.subjects(runs),
        "uses": allowed.uses,
        "looked_at": len(allowed.runs),
    }
    return agent_page.show(
        request,
        name,
        "overview",
        context,
        partials=("agent-now",),
        pause_form=pause_form,
        earned=earned,
        status=status,
    )
