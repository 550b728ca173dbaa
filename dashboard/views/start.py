"""The first run: four short steps, and a sample to look at."""

from copy import copy
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from agency import profiles
from agency.models import AgencyProfile
from dashboard.fleet import autonomy
from dashboard.house import setup
from dashboard.house.profile_forms import CustomerForm, PhaseForm, PlaceForm, SenderForm, zones
from dashboard.web import Request
from integrations import mail
from jobs.bodies import Refused

AnyForm = SenderForm | PlaceForm | CustomerForm | PhaseForm


@require_safe
def landing(request: Request) -> HttpResponse:
    """Lead on from the login: to the first run until somebody began or skipped it."""
    return redirect("start" if setup.is_untouched(request.profile) else "home")


@require_safe
def start(request: Request) -> HttpResponse:
    """Go on where the first run was left."""
    progress = setup.progress(request.profile)
    if progress.count == progress.total:
        return redirect("start-done")
    return redirect("start-step", slug=progress.next)


@require_http_methods(["GET", "HEAD", "POST"])
def step(request: Request, slug: str) -> HttpResponse:
    """Show one step, or save it and go on."""
    if slug not in setup.SLUGS:
        raise Http404
    profile = request.profile
    form = _form(slug, profile, request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        return _save(request, slug, form)
    before, _ = setup.neighbours(slug)
    context = {
        "form": form,
        "step": next(step for step in setup.STEPS if step.slug == slug),
        "steps": setup.STEPS,
        "number": setup.SLUGS.index(slug) + 1,
        "progress": setup.progress(profile),
        "before": before,
        "zones": zones() if slug == "place" else [],
        "phases": autonomy.phases(_chosen(form, profile)) if slug == "autonomy" else [],
        "sandbox": mail.world() == "sandbox",
    }
    return render(request, "dashboard/start.html", context, status=422 if form.is_bound else 200)


@require_safe
def done(request: Request) -> HttpResponse:
    """Say what is set, and offer a sample to look at."""
    profile = request.profile
    context = {
        "profile": profile,
        "phase": autonomy.phases(profile.phase)[profile.phase - 1],
        "steps": setup.STEPS,
        "progress": setup.progress(profile),
        "sandbox": mail.world() == "sandbox",
    }
    return render(request, "dashboard/start_done.html", context)


@require_POST
def skip(request: Request) -> HttpResponse:
    """Leave the first run for now; with the sample to look at when that is asked for."""
    setup.close(by=request.user.get_username())
    if request.POST.get("then") == "sample":
        return post_sample(request)
    messages.success(request, "Skipped. The settings have all of it.")
    return redirect("home")


@require_POST
def post_sample(request: Request) -> HttpResponse:
    """Post a made-up lead to the real webhook, so that a draft appears for approval."""
    try:
        name = setup.post_sample(by=request.user.get_username())
    except setup.NoSample as no:
        messages.warning(request, str(no))
        return redirect("home")
    except Refused as refused:
        messages.error(request, f"The webhook refused the sample: {refused.detail}")
        return redirect("settings")
    messages.success(request, f"{name} wrote to you. The draft of an answer appears here.")
    return redirect("approval-list")


def _form(slug: str, profile: AgencyProfile, data: Any) -> AnyForm:
    # A copy of the profile: checking a form writes on it, and the page around shows the original.
    if slug == "agency":
        return SenderForm(data, instance=copy(profile), fresh=True)
    if slug == "place":
        return PlaceForm(data, instance=copy(profile), fresh=True)
    if slug == "customer":
        return CustomerForm(data, icp=profile.icp, fresh=True)
    return PhaseForm(data, initial={"phase": profile.phase})


def _chosen(form: AnyForm, profile: AgencyProfile) -> int:
    text = str(form.data.get("phase", "")) if form.is_bound else ""
    return int(text) if text in {"1", "2", "3", "4"} else profile.phase


def _save(request: Request, slug: str, form: AnyForm) -> HttpResponse:
    by = request.user.get_username()
    if isinstance(form, PhaseForm):
        profiles.set_phase(form.cleaned_data["phase"], by=by)
    else:
        profiles.save(form.changes(), by=by)
    setup.mark_done(slug, by=by)
    _, after = setup.neighbours(slug)
    return redirect("start-step", slug=after) if after else redirect("start")
