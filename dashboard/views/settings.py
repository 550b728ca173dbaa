"""Settings: who the agency is, how far it runs alone, what is stopped, and what is real."""

import datetime as dt
from dataclasses import dataclass

from django.conf import settings as django_settings
from django.contrib import messages
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from agency import clock, profiles
from agency.models import AgencyProfile
from control import notices, switches
from control.models import AutonomyRule, KillSwitch, Notice, Promotion
from dashboard.fleet import autonomy
from dashboard.house.forms import SwitchForm
from dashboard.house.profile_forms import AgencyForm, CustomerForm, PhaseForm, SendingForm, zones
from dashboard.templatetags.dashboard import THEME_COOKIE, THEMES, span
from dashboard.views.stop import backlog_words
from dashboard.web import Request, page
from integrations import calendar, llm, mail, notify, payments
from jobs import endpoints
from jobs.models import Endpoint
from pipeline.models import BookingRules

TEMPLATE = "agency/settings.html"
PAST_SHOWN = 20


@dataclass(frozen=True)
class Part:
    """One outside part: the real one, or what stands in for it."""

    name: str
    real: bool
    words: str
    variable: str
    otherwise: str
    trouble: Notice | None = None
    error: str = ""


@require_safe
def settings(request: HttpRequest) -> HttpResponse:
    """Show all settings."""
    return _render(request)


@require_POST
def save_agency(request: Request) -> HttpResponse:
    """Save who the agency is."""
    form = AgencyForm(request.POST, instance=AgencyProfile.load())
    return _save(request, form, "profile", "agency_form")


@require_POST
def save_sending(request: Request) -> HttpResponse:
    """Save whom mails come from and what stands in them."""
    form = SendingForm(request.POST, instance=AgencyProfile.load())
    return _save(request, form, "sending", "sending_form")


@require_POST
def save_customer(request: Request) -> HttpResponse:
    """Save whom the agency looks for."""
    form = CustomerForm(request.POST, icp=request.profile.icp)
    return _save(request, form, "customer", "customer_form")


@require_POST
def save_phase(request: Request) -> HttpResponse:
    """Set how far the agency runs by itself."""
    form = PhaseForm(request.POST)
    if not form.is_valid():
        return _render(request, phase_form=form, status=422)
    profile = profiles.set_phase(form.cleaned_data["phase"], by=request.user.get_username())
    messages.success(request, f"Phase {profile.phase} from now on.")
    return redirect(f"{reverse('settings')}#phase")


@require_POST
def choose_theme(request: Request) -> HttpResponse:
    """Keep the theme for this browser; the server writes it on the page, so nothing flashes."""
    value = request.POST.get("value", "")
    back = request.POST.get("next", "")
    ours = url_has_allowed_host_and_scheme(back, {request.get_host()})
    if not (ours and back.startswith("/")):
        back = f"{reverse('settings')}#browser"
    response = redirect(back)
    if value in THEMES:
        response.set_cookie(
            THEME_COOKIE,
            value,
            max_age=dt.timedelta(days=365),
            httponly=True,
            samesite="Lax",
            secure=django_settings.SESSION_COOKIE_SECURE,
        )
    elif value == "system":
        response.delete_cookie(THEME_COOKIE, samesite="Lax")
    else:
        messages.warning(request, "There is a light theme, a dark one, and the system’s.")
    return response


@require_POST
def engage(request: Request) -> HttpResponse:
    """Stop a part of the house."""
    form = SwitchForm(request.POST)
    if not form.is_valid():
        return _render(request, switch_form=form, status=422)
    try:
        reason, by = form.cleaned_data["reason"], request.user.get_username()
        switch = switches.engage(*form.scope(), reason=reason, by=by)
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


def _save(
    request: Request, form: AgencyForm | SendingForm | CustomerForm, anchor: str, name: str
) -> HttpResponse:
    if not form.is_valid():
        return _render(request, status=422, **{name: form})
    profiles.save(form.changes(), by=request.user.get_username())
    messages.success(request, "Saved.")
    return redirect(f"{reverse('settings')}#{anchor}")


def _parts() -> list[Part]:
    sandbox = mail.world() == "sandbox"
    return [
        Part(
            "Mail",
            not sandbox,
            "It stays in the sandbox; nobody real is contacted"
            if sandbox
            else "Real SMTP: recipients get it",
            "EMAIL_URL",
            "sandbox",
        ),
        Part("Market", not sandbox, _market(), "EMAIL_URL", "sandbox"),
        Part(
            "Model",
            llm.is_configured(),
            "Anthropic" if llm.is_configured() else "None: the agents decide by their rules",
            "ANTHROPIC_API_KEY",
            "off",
        ),
        _calendar_part(),
        _payments(),
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


def _calendar_part() -> Part:
    """Return whose calendar calls are booked around, and what last went wrong with it."""
    on, rules = calendar.is_configured(), BookingRules.load()
    return Part(
        "Calendar",
        on,
        f"Calls are booked around {calendar.host()}, and stand in it"
        if on
        else "None: calls are booked around each other only",
        "CALDAV_URL",
        "off",
        error=rules.busy_error if on else "",
    )


def _payments() -> Part:
    """Return who takes the money; a key that fits no world counts as off."""
    found = payments.provider()
    real = found.name == "stripe" and mail.world() == "real"
    return Part(
        "Payments",
        real,
        found.words,
        "STRIPE_SECRET_KEY",
        {"sandbox": "sandbox", "stripe": "test mode", "hand": "by hand"}[found.name],
    )


def _market() -> str:
    """Return who the companies are that are found and written to."""
    if mail.world() == "real":
        return "Real companies and people; a simulated one is never written to"
    day = span(86_400 / clock.speed())
    return (
        "Simulated companies and people that answer; nobody real is contacted."
        f" Seed {django_settings.SANDBOX_SEED}, a business day takes {day}"
    )


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


def _render(request: HttpRequest, *, status: int = 200, **forms: BaseForm) -> HttpResponse:
    """Show the page, with the form that was refused in place of a fresh one."""
    profile: AgencyProfile = request.profile  # type: ignore[attr-defined]
    engaged = KillSwitch.objects.filter(released_at=None).order_by("-engaged_at")
    past = KillSwitch.objects.exclude(released_at=None).order_by("-released_at")[:PAST_SHOWN]
    context = {
        "profile": profile,
        "sample_left": [
            AgencyForm.Meta.labels.get(name, name.replace("_", " ").capitalize())
            for name in profiles.sample_left(profile)
        ],
        "agency_form": AgencyForm(instance=profile),
        "sending_form": SendingForm(instance=profile),
        "customer_form": CustomerForm(icp=profile.icp),
        "phase_form": PhaseForm(),
        "switch_form": SwitchForm(),
        "zones": zones(),
        "phases": autonomy.phases(profile.phase),
        "kinds": autonomy.rows(),
        "rules": AutonomyRule.objects.select_related("client").order_by("agent", "kind")[
            :PAST_SHOWN
        ],
        "promotions": Promotion.objects.filter(ended_at=None).order_by("-at"),
        "engaged": [(switch, switches.label(switch)) for switch in engaged],
        "past": [(switch, switches.label(switch)) for switch in past],
        "parts": _parts(),
        "theme": request.COOKIES.get(THEME_COOKIE, "system"),
        "endpoints": [
            (endpoint, endpoints.url(endpoint))
            for endpoint in Endpoint.objects.order_by("purpose", "name")
        ],
    }
    return page(request, TEMPLATE, context | forms, partials=["switch-rows"], status=status)
