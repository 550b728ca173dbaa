"""An agent's runs, with filters."""

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from agents.models import Run
from dashboard.fleet import agent_page
from dashboard.fleet.agent_runs import ENGINES, WINDOW, RunFilter, subjects
from dashboard.web import Request, asked, newest

SHOWN = 30


@require_safe
def run_list(request: Request, name: str) -> HttpResponse:
    """List the runs of one agent."""
    wanted = RunFilter.parse(request)
    slice_ = newest(wanted.rows(agent_page.known(name)), asked(request, "before"), size=SHOWN)
    context = {
        "page": slice_,
        "wanted": wanted,
        "subjects": subjects(slice_.rows),
        "statuses": Run.Status.choices,
        "triggers": Run.Trigger.choices,
        "engines": ENGINES,
        "window": WINDOW,
    }
    return agent_page.show(request, name, "runs", context, partials=("run-table",))
