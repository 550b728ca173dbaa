"""How far an agent may go by itself, kind by kind."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from agents import fleet
from control import autonomy
from control.models import AutonomyRule
from control.trust import THRESHOLD
from dashboard import agent_page
from dashboard.forms import TightenForm
from dashboard.web import Request


@require_safe
def show(request: Request, name: str) -> HttpResponse:
    """Show what each kind an agent proposes may do, and why."""
    return _render(request, agent_page.known(name))


@require_POST
def tighten(request: Request, name: str, kind: str) -> HttpResponse:
    """Have a kind of action ask, or forbid it."""
    agent = fleet.get(agent_page.known(name))
    if kind not in agent.proposes:
        raise Http404
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
def lift(request: Request, name: str, pk: int) -> HttpResponse:
    """Take away a rule that was made for this agent."""
    rule = get_object_or_404(AutonomyRule, pk=pk, agent=agent_page.known(name))
    autonomy.lift(rule, by=request.user.get_username())
    messages.success(request, "The rule is lifted; what it held back is looked at again.")
    return redirect("agent-autonomy", name=name)


def _render(
    request: Request, name: str, *, wrong: tuple[str, TightenForm] | None = None, status: int = 200
) -> HttpResponse:
    agent = fleet.get(name)
    context = {
        "kinds": [
            (one, wrong[1] if wrong and wrong[0] == one.kind.name else None)
            for one in autonomy.read(name, agent.proposes, request.profile.phase)
        ],
        "phase": request.profile.get_phase_display(),
        "threshold": THRESHOLD,
    }
    return agent_page.show(
        request, name, "autonomy", context, partials=("autonomy-kinds",), status=status
    )
