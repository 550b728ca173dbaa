"""How far an agent may go by itself, kind by kind."""

from collections import defaultdict

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from agents import fleet
from control import autonomy, kinds, promotions
from control.models import AutonomyRule, Promotion
from control.trust import THRESHOLD
from dashboard.fleet import agent_page
from dashboard.house.forms import ReasonForm, TightenForm
from dashboard.web import Request, way_back


@require_safe
def show(request: Request, name: str) -> HttpResponse:
    """Show what each kind an agent proposes may do, and why."""
    return _render(request, agent_page.known(name))


@require_POST
def tighten(request: Request, name: str, kind: str) -> HttpResponse:
    """Have a kind of action ask, or forbid it."""
    _here(name, kind)
    form = TightenForm(request.POST)
    if not form.is_valid():
        return _render(request, name, wrong=(kind, form), status=422)
    try:
        autonomy.tighten(
            name,
            kind,
            form.cleaned_data["level"],
            reason=form.cleaned_data["reason"],
            by=request.user.get_username(),
        )
    except autonomy.SaidAlready as already:
        messages.warning(request, str(already))
    return redirect("agent-autonomy", name=name)


@require_POST
def promote(request: Request, name: str, kind: str) -> HttpResponse:
    """Let an agent do by itself what it has earned."""
    here = _here(name, kind)
    try:
        promotions.promote(name, kind, by=request.user.get_username())
    except (
        promotions.OverCeiling,
        promotions.NotEarned,
        promotions.AlreadyPromoted,
    ) as objection:
        messages.warning(request, str(objection))
    else:
        label = kinds.get(kind).label.lower()
        messages.success(
            request, f"{name.capitalize()}’s {label} run by themselves from the next one on."
        )
    return redirect(way_back(request, here))


@require_POST
def demote(request: Request, name: str, kind: str) -> HttpResponse:
    """Have an agent ask again, from the next one on."""
    here = _here(name, kind)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _render(request, name, unsaid=kind, status=422)
    why = form.cleaned_data["reason"]
    if promotions.demote(name, kind, why=why, by=request.user.get_username()):
        messages.success(request, f"{name.capitalize()} asks you again; it earns it anew.")
    else:
        messages.warning(request, "It asks you already.")
    return redirect(here)


def _here(name: str, kind: str) -> str:
    """Return the place of a kind on its agent's page. Raises Http404."""
    if kind not in fleet.get(agent_page.known(name)).proposes:
        raise Http404
    return f"{reverse('agent-autonomy', args=[name])}#{kind}"


@require_POST
def lift(request: Request, name: str, pk: int) -> HttpResponse:
    """Take away a rule that was made for this agent."""
    rule = get_object_or_404(AutonomyRule, pk=pk, agent=agent_page.known(name))
    autonomy.lift(rule, by=request.user.get_username())
    messages.success(request, "The rule is lifted; what it held back is looked at again.")
    return redirect("agent-autonomy", name=name)


def _render(
    request: Request,
    name: str,
    *,
    wrong: tuple[str, TightenForm] | None = None,
    unsaid: str = "",
    status: int = 200,
) -> HttpResponse:
    agent = fleet.get(name)
    past: dict[str, list[Promotion]] = defaultdict(list)
    for promotion in promotions.history(name):
        past[promotion.kind].append(promotion)
    context = {
        "kinds": [
            (one, wrong[1] if wrong and wrong[0] == one.kind.name else None, past[one.kind.name])
            for one in autonomy.read(name, agent.proposes, request.profile.phase)
        ],
        "unsaid": unsaid,
        "number": request.profile.phase,
        "phase": request.profile.get_phase_display(),
        "threshold": THRESHOLD,
    }
    return agent_page.show(
        request, name, "autonomy", context, partials=("autonomy-kinds",), status=status
    )
