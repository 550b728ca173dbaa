"""Stop everything, and go on again."""

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from agents import fleet
from agents.models import Run
from control import switches
from control.models import Action, KillSwitch
from dashboard.house.forms import ResumeForm, StopForm
from dashboard.web import Request
from jobs.models import Job


@dataclass(frozen=True)
class Reach:
    """What a stop reaches now, counted from rows."""

    running: int
    queued: int
    runs: int
    waiting_sends: int
    on_the_wire: int
    agents: int

    @property
    def queued_words(self) -> str:
        """The jobs that wait, in words: counting a great many takes too long."""
        return switches.in_words(self.queued)


def reach() -> Reach:
    """Count what is under way and would stop."""
    jobs = Job.objects.exclude(tags=[])
    queued = (Job.Status.AVAILABLE, Job.Status.SCHEDULED, Job.Status.RETRYABLE)
    return Reach(
        running=jobs.filter(status=Job.Status.RUNNING).count(),
        queued=jobs.filter(status__in=queued)[: switches.MANY + 1].count(),
        runs=Run.objects.filter(status=Run.Status.RUNNING).count(),
        waiting_sends=Action.objects.filter(status=Action.Status.APPROVED, outward=True).count(),
        on_the_wire=len(switches.on_the_wire()),
        agents=len(fleet.all_agents()),
    )


@require_safe
def confirm(request: HttpRequest) -> HttpResponse:
    """Show what a stop reaches, or what resuming sets free."""
    return _show(request, StopForm())


@require_POST
def stop(request: Request) -> HttpResponse:
    """Engage the switch for everything."""
    form = StopForm(request.POST)
    if not form.is_valid():
        return _show(request, form, status=422)
    try:
        switches.engage(
            KillSwitch.Scope.EVERYTHING,
            reason=form.cleaned_data["reason"],
            by=request.user.get_username(),
        )
    except switches.AlreadyEngaged as already:
        messages.warning(request, f"{already}.".capitalize())
    return _done(request)


@require_POST
def resume(request: Request) -> HttpResponse:
    """Release the switch for everything; run or discard what waited."""
    form = ResumeForm(request.POST)
    if not form.is_valid():
        return _show(request, StopForm(), status=422)
    switch = _engaged()
    if switch is None:
        messages.warning(request, "Somebody resumed already.")
        return _done(request)
    discard = form.cleaned_data["backlog"] == "discard"
    count = switches.release(switch, by=request.user.get_username(), discard_backlog=discard)
    messages.success(request, f"Everything runs again; {backlog_words(count, discard=discard)}.")
    return _done(request)


def backlog_words(count: int, *, discard: bool) -> str:
    """Say what became of the jobs that waited for a switch."""
    jobs = f"{switches.in_words(count)} job{'' if count == 1 else 's'}"
    if not discard:
        return f"{jobs} went on"
    if count > switches.AT_ONCE:
        return f"{jobs} are being discarded, and nothing of it runs until then"
    return f"{jobs} discarded"


def _engaged() -> KillSwitch | None:
    return KillSwitch.objects.filter(scope=KillSwitch.Scope.EVERYTHING, released_at=None).first()


def _show(request: HttpRequest, form: StopForm, *, status: int = 200) -> HttpResponse:
    switch = _engaged()
    backlog = switches.waiting(switch) if switch else 0
    context = {
        "form": form,
        "reach": reach(),
        "switch": switch,
        "backlog": backlog,
        "backlog_words": switches.in_words(backlog),
        "now": timezone.now(),
    }
    dialog = request.htmx and request.htmx.target == "dialog"  # type: ignore[attr-defined]
    template = "control/stop.html#stop-sheet" if dialog else "control/stop.html"
    return render(request, template, context, status=status)


def _done(request: HttpRequest) -> HttpResponse:
    """Go back to where the operator was; a page they are writing on stays as it is."""
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("home")
    response = render(request, "components/messages.html", {"oob": True})
    return trigger_client_event(response, "live:status")
