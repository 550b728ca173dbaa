"""An agent's settings: versions, compared, deployed and rolled back."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from agents import configs, fleet
from agents.models import AgentConfig
from dashboard.fleet import agent_page, difference, schema_form
from dashboard.house.forms import ConfigForm
from dashboard.templatetags.dashboard import pretty
from dashboard.views.agents import RETRAINABLE
from dashboard.web import Request

VERSIONS_SHOWN = 15
NOTE_CHARS = 300


@require_safe
def settings(request: Request, name: str) -> HttpResponse:
    """Show the settings an agent runs on, and its versions."""
    return _render(request, agent_page.known(name))


@require_safe
def version(request: Request, name: str, version: int) -> HttpResponse:
    """Show one version beside the deployed one, before it is deployed."""
    config = get_object_or_404(AgentConfig, agent=agent_page.known(name), version=version)
    deployed = configs.deployed(name)
    context = {
        "config": config,
        "changes": difference.compare(deployed.settings, config.settings),
        "problems": configs.problems(name, config.settings),
        "rolls_back": config.version < deployed.version,
    }
    return agent_page.show(request, name, "settings", context, template="agents/config_detail.html")


@require_POST
def create_config(request: Request, name: str) -> HttpResponse:
    """Add a version of the settings; deploying it is a step of its own."""
    agent = fleet.get(agent_page.known(name))
    if not schema_form.is_posted(request.POST):
        return _create_from_json(request, name)
    filled = schema_form.read(agent.settings, request.POST)
    note = request.POST.get("note", "").strip()
    errors = dict(filled.errors)
    if not note or len(note) > NOTE_CHARS or "\0" in note:
        errors["note"] = f"Say what changes and why, in up to {NOTE_CHARS} characters."
    if not errors:
        return _made(request, name, filled.values, note)
    return _render(request, name, values=filled.values, errors=errors, note=note, status=422)


def _create_from_json(request: Request, name: str) -> HttpResponse:
    form = ConfigForm(request.POST)
    if form.is_valid():
        try:
            return _made(request, name, form.cleaned_data["settings"], form.cleaned_data["note"])
        except configs.InvalidSettings as invalid:
            form.add_error("settings", f"{invalid.field}: {invalid.reason}")
    return _render(request, name, form=form, status=422)


def _made(request: Request, name: str, values: dict[str, Any], note: str) -> HttpResponse:
    config = configs.create(name, values, by=request.user.get_username(), note=note)
    messages.success(request, f"Version {config.version} is made. Look at it, then deploy.")
    return redirect("config-detail", name=name, version=config.version)


@require_POST
def deploy(request: Request, name: str, version: int) -> HttpResponse:
    """Run the agent on a version; an older one is deployed again as a new version."""
    config = get_object_or_404(AgentConfig, agent=agent_page.known(name), version=version)
    now = configs.deployed(config.agent)
    by = request.user.get_username()
    note = request.POST.get("note", "").replace("\0", "").strip()[:NOTE_CHARS]
    try:
        if config.version < now.version:
            config = configs.roll_back(config, by=by, note=note)
        else:
            configs.deploy(config, by=by, note=note)
    except configs.InvalidSettings as invalid:
        messages.error(request, f"Not deployed: {invalid}")
    else:
        messages.success(request, f"{name.capitalize()} runs on version {config.version} now.")
    return redirect("agent-settings", name=name)


def _render(
    request: Request,
    name: str,
    *,
    values: dict[str, Any] | None = None,
    errors: dict[str, str] | None = None,
    note: str = "",
    form: ConfigForm | None = None,
    status: int = 200,
) -> HttpResponse:
    deployed = configs.deployed(name)
    schema = fleet.get(name).settings
    shown = deployed.settings if values is None else values
    parts = schema_form.parts(schema, shown, errors)
    left = {key: why for key, why in (errors or {}).items() if key != "note"}
    versions = list(AgentConfig.objects.filter(agent=name)[: VERSIONS_SHOWN + 1])
    initial = {"settings": pretty(deployed.settings), "note": ""}
    context = {
        "parts": parts,
        "unplaced": schema_form.unplaced(parts, left),
        "wrong": len(errors or {}),
        "note": note,
        "note_error": (errors or {}).get("note", ""),
        "config_form": form or ConfigForm(initial=initial, auto_id="json_%s"),
        "versions": [(one, len(configs.diff(deployed, one))) for one in versions[:VERSIONS_SHOWN]],
        "more_versions": len(versions) > VERSIONS_SHOWN,
        "retrainable": name == RETRAINABLE,
    }
    return agent_page.show(
        request, name, "settings", context, partials=("version-list",), status=status
    )
