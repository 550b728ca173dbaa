"""Settings: who the agency is, how far it runs alone, what is stopped, and what is real."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings as django_settings
from django.contrib import messages
from django.db import transaction
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from agency import audit, live
from agency.models import AgencyProfile, AuditEntry
from control import notices, switches
from control.models import KillSwitch, Notice
from dashboard.forms import PhaseForm, ProfileForm, SwitchForm
from dashboard.views.stop import backlog_words
from dashboard.web import Request, page
from integrations import llm, mail, notify
from jobs import endpoints
from jobs.models import Endpoint

TEMPLATE = "agency/settings.html"
PAST_SHOWN = 20
PHASES = [
    (
        1,
        "Foundation",
        "Everything outward asks you. Agents read, score and draft by themselves.",
    ),
    (
        2,
        "AI sales",
        "Answers to leads, outreach and booking go out by themselves; you close deals.",
    ),
    (
        3,
        "AI delivery",
        "Onboarding, deploys and monitoring run too; you take escalations.",
    ),
    (
        4,
        "Autonomous",
        "Closing, pricing and support run inside limits; you set the strategy.",
    ),
]


@dataclass(frozen=True)
class Part:
    """One outside part: the real one, or what stands in for it."""

    name: str
    real: bool
    words: str
    variable: str
    otherwise: str
    trouble: Notice | None = None


@require_safe
def settings(request: HttpRequest) -> HttpResponse:
    """Show all settings."""
    return _render(request)


@require_POST
def save_profile(request: Request) -> HttpResponse:
    """Save who the agency is."""
    profile = AgencyProfile.load()
    before = {name: getattr(profile, name) for name in ProfileForm.Meta.fields}
    form = ProfileForm(request.POST, instance=profile)
    if not form.is_valid():
        return _render(request, profile_form=form, status=422)
    saved = form.save(commit=False)
    saved.icp = form.ideal_customer()
    saved.is_sample = False
    changed = {
        name: {"from": old, "to": getattr(saved, name)}
        for name, old in before.items()
        if getattr(saved, name) != old
    }
    with transaction.atomic():
        saved.save()
        _record(request, "profile.saved", "saved the agency’s profile", saved, changed)
    messages.success(request, "Saved.")
    return redirect("settings")


@require_POST
def save_phase(request: Request) -> HttpResponse:
    """Set how far the agency runs by itself."""
    form = PhaseForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Nothing was changed: choose a phase from 1 to 4.")
        return _render(request, status=422)
    with transaction.atomic():
        profile = AgencyProfile.load()
        before, profile.phase = profile.phase, form.cleaned_data["phase"]
        profile.save(update_fields=["phase", "updated_at"])
        words = f"moved the agency from phase {before} to phase {profile.phase}"
        _record(request, "profile.phase_set", words, profile, {"from": before, "to": profile.phase})
    messages.success(request, f"Phase {profile.phase} from now on.")
    return redirect(f"{reverse('settings')}#phase")


@require_POST
def engage(request: Request) -> HttpResponse:
    """Stop a part of the house."""
    form = SwitchForm(request.POST)
    if not form.is_valid():
        return _render(request, switch_form=form, status=422)
    try:
        switch = switches.engage(**form.cleaned_data, by=request.user.get_username())
    except switches.AlreadyEngaged as already:
        messages.warning(request, f"{already}.".capitalize())
    else:
        messages.success(request, f"Stopped: {switches.label(switch)}.")
    return redirect(f"{reverse('settings')}#switches")


@require_POST
def release(request: Request, pk: int) -> HttpResponse:
    """Let a stopped part go on; run or discard what waited."""
    switch = get_object_or_404(KillSwitch, pk=pk)
    discard = request.POST.get("backlog") == "discard"
    count = switches.release(switch, by=request.user.get_username(), discard_backlog=discard)
    waited = backlog_words(count, discard=discard)
    messages.success(request, f"Released: {switches.label(switch)}; {waited}.")
    return redirect(f"{reverse('settings')}#switches")


@require_POST
def rotate_endpoint(request: Request, pk: int) -> HttpResponse:
    """Give a webhook a new address and secret."""
    endpoint = get_object_or_404(Endpoint, pk=pk)
    endpoints.rotate(endpoint, actor=request.user.get_username(), actor_kind="user")
    messages.success(request, f"“{endpoint.name}” has a new address; the old one stopped.")
    return redirect(f"{reverse('settings')}#webhooks")


@require_POST
def switch_endpoint(request: Request, pk: int) -> HttpResponse:
    """Switch a webhook off, or on again."""
    endpoint = get_object_or_404(Endpoint, pk=pk)
    act = endpoints.disable if endpoint.enabled else endpoints.enable
    act(endpoint, actor=request.user.get_username(), actor_kind="user")
    messages.success(request, f"“{endpoint.name}” is {'on' if endpoint.enabled else 'off'} now.")
    return redirect(f"{reverse('settings')}#webhooks")


def _record(
    request: Request, verb: str, words: str, profile: AgencyProfile, data: dict[str, Any]
) -> None:
    by = request.user.get_username()
    audit.record(
        verb,
        f"{by} {words}",
        actor=by,
        actor_kind=AuditEntry.ActorKind.USER,
        obj=profile,
        data=data,
    )
    live.broadcast("settings", "status")


def _parts() -> list[Part]:
    sandbox = mail.world() == "sandbox"
    return [
        Part(
            "Mail",
            not sandbox,
            "A mailbox of its own; nobody real is contacted"
            if sandbox
            else "Real SMTP: recipients get it",
            "EMAIL_URL",
            "sandbox",
        ),
        Part(
            "Model",
            llm.is_configured(),
            "Anthropic" if llm.is_configured() else "None: the agents decide by their rules",
            "ANTHROPIC_API_KEY",
            "off",
        ),
        *_alert_parts(),
        Part(
            "Postgres",
            not django_settings.EMBEDDED_POSTGRES,
            "Started with the app, in its data folder"
            if django_settings.EMBEDDED_POSTGRES
            else "A server of your own",
            "DATABASE_URL",
            "embedded",
        ),
        Part(
            "Valkey",
            not django_settings.EMBEDDED_VALKEY,
            "Started with the app, in its data folder"
            if django_settings.EMBEDDED_VALKEY
            else "A server of your own",
            "REDIS_URL",
            "embedded",
        ),
    ]


def _alert_parts() -> list[Part]:
    """Return where alerts go besides the operator's mail, and what last went wrong."""
    trouble = {found.channel: found.last for found in notices.health() if not found.works}
    partner = django_settings.ALERT_ESCALATION_EMAIL
    return [
        Part(
            "Alerts by webhook",
            notify.is_configured(),
            f"Warnings and criticals go to {notify.host()}"
            if notify.is_configured()
            else "None: alerts come by mail and stand in the app",
            "ALERT_WEBHOOK_URL",
            "off",
            trouble.get(Notice.Channel.WEBHOOK),
        ),
        Part(
            "Escalation",
            bool(partner),
            f"{partner} is told too when nobody acknowledges"
            if partner
            else "Nobody else is told when you do not acknowledge",
            "ALERT_ESCALATION_EMAIL",
            "off",
            trouble.get(Notice.Channel.ESCALATION),
        ),
        Part(
            "Alerts by mail",
            mail.world() == "real",
            "They go to your address, above",
            "EMAIL_URL",
            "sandbox",
            trouble.get(Notice.Channel.MAIL),
        ),
    ]


def _render(
    request: HttpRequest,
    *,
    profile_form: ProfileForm | None = None,
    switch_form: Form | None = None,
    status: int = 200,
) -> HttpResponse:
    profile = AgencyProfile.load()
    engaged = KillSwitch.objects.filter(released_at=None).order_by("-engaged_at")
    past = KillSwitch.objects.exclude(released_at=None).order_by("-released_at")[:PAST_SHOWN]
    context = {
        "profile": profile,
        "profile_form": profile_form or ProfileForm(instance=profile),
        "switch_form": switch_form or SwitchForm(),
        "phases": PHASES,
        "engaged": [(switch, switches.label(switch)) for switch in engaged],
        "past": [(switch, switches.label(switch)) for switch in past],
        "parts": _parts(),
        "endpoints": [
            (endpoint, endpoints.url(endpoint))
            for endpoint in Endpoint.objects.order_by("purpose", "name")
        ],
    }
    return page(request, TEMPLATE, context, partials=["switch-rows"], status=status)
