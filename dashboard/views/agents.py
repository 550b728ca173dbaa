"""Agents: the fleet, and one agent with its versions and runs."""

from django.contrib import messages
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from agents import configs, fleet, retrain
from agents.models import AgentConfig, Run
from control import kinds, switches
from control.models import KillSwitch
from dashboard import leads, roster
from dashboard.forms import ConfigForm, ReasonForm
from dashboard.templatetags.dashboard import pretty
from dashboard.web import Request, asked, newest, page

VERSIONS_SHOWN = 10
RUNS_SHOWN = 12
DETAIL = "agents/agent_detail.html"
RETRAINABLE = "qualifier"


@require_safe
def agent_list(request: HttpRequest) -> HttpResponse:
    """List the fleet."""
    context = {"members": roster.members(), "promise": leads.promise(roster.DAY)}
    return page(request, "agents/agent_list.html", context, partials=["agent-table"])


@require_safe
def agent_detail(request: HttpRequest, name: str) -> HttpResponse:
    """Show one agent."""
    return _render_agent(request, name)


@require_POST
def pause(request: Request, name: str) -> HttpResponse:
    """Stop one agent."""
    agent = _known(name)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _render_agent(request, name, pause_form=form, status=422)
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
        scope=KillSwitch.Scope.AGENT, value=_known(name), released_at=None
    ).first()
    if switch is None:
        messages.warning(request, "It is not stopped.")
    else:
        discard = request.POST.get("backlog") == "discard"
        count = switches.release(switch, by=request.user.get_username(), discard_backlog=discard)
        did = "discarded" if discard else "went on"
        messages.success(request, f"{name.capitalize()} runs again; {count} waiting jobs {did}.")
    return redirect("agent-detail", name=name)


@require_POST
def create_config(request: Request, name: str) -> HttpResponse:
    """Add a version of the settings; deploying it is a step of its own."""
    agent = _known(name)
    form = ConfigForm(request.POST)
    if form.is_valid():
        try:
            config = configs.create(
                agent,
                form.cleaned_data["settings"],
                by=request.user.get_username(),
                note=form.cleaned_data["note"],
            )
        except configs.InvalidSettings as invalid:
            form.add_error("settings", f"{invalid.field}: {invalid.reason}")
        else:
            messages.success(request, f"Version {config.version} is made. Look at it, then deploy.")
            return redirect("agent-detail", name=agent)
    return _render_agent(request, name, config_form=form, status=422)


@require_POST
def deploy(request: Request, name: str, version: int) -> HttpResponse:
    """Run the agent on a version; an older one is deployed again as a new version."""
    config = get_object_or_404(AgentConfig, agent=_known(name), version=version)
    now = configs.deployed(config.agent)
    by = request.user.get_username()
    try:
        if config.version < now.version:
            config = configs.roll_back(config, by=by)
        else:
            configs.deploy(config, by=by)
    except configs.InvalidSettings as invalid:
        messages.error(request, f"Not deployed: {invalid}")
    else:
        messages.success(request, f"{name.capitalize()} runs on version {config.version} now.")
    return redirect("agent-detail", name=name)


@require_POST
def start_retrain(request: Request, name: str) -> HttpResponse:
    """Refit what an agent learns from outcomes into a new version."""
    if _known(name) != RETRAINABLE:
        raise Http404
    try:
        retrain.start(by=request.user.get_username())
    except retrain.TooFew as few:
        messages.warning(request, str(few))
    else:
        messages.success(request, "Retraining; the new version appears below in a moment.")
    return redirect("agent-detail", name=name)


def _known(name: str) -> str:
    try:
        return fleet.get(name).name
    except fleet.UnknownAgent as unknown:
        raise Http404(str(unknown)) from unknown


def _render_agent(
    request: HttpRequest,
    name: str,
    *,
    pause_form: Form | None = None,
    config_form: ConfigForm | None = None,
    status: int = 200,
) -> HttpResponse:
    member = roster.member(_known(name))
    deployed = configs.deployed(name)
    versions = list(AgentConfig.objects.filter(agent=name)[: VERSIONS_SHOWN + 1])
    context = {
        "member": member,
        "topic": f"agent:{name}",
        "agent": member.agent,
        "proposes": [kinds.get(kind) for kind in member.agent.proposes],
        "deployed": deployed,
        "versions": [
            (version, configs.diff(deployed, version)) for version in versions[:VERSIONS_SHOWN]
        ],
        "more_versions": len(versions) > VERSIONS_SHOWN,
        "promise": leads.promise(roster.DAY) if name == RETRAINABLE else None,
        "retrainable": name == RETRAINABLE,
        "page": newest(Run.objects.filter(agent=name), asked(request, "before"), size=RUNS_SHOWN),
        "backlog": switches.backlog(member.switch).count() if member.switch else 0,
        "pause_form": pause_form,
        "config_form": config_form
        or ConfigForm(initial={"settings": pretty(deployed.settings), "note": ""}),
    }
    return page(
        request,
        DETAIL,
        context,
        partials=["agent-head", "version-list", "run-table"],
        status=status,
    )
