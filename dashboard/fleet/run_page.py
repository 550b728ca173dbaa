"""Everything the page of one run shows: its steps in time, its calls, what became of it."""

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.urls import reverse
from django.utils import timezone

from agents import fleet
from agents.models import ModelCall, Run, Step
from control.models import Action, Decision
from dashboard.finding import prospects
from dashboard.fleet import agent_runs, comparison, schema_form
from dashboard.house.forms import ReplayForm
from dashboard.sales import leads
from dashboard.templatetags.dashboard import pretty

REPLAYS_SHOWN = 10


@dataclass
class Asked:
    """What a replay is asked to start from, and why it cannot."""

    facts: dict[str, Any] | None = None
    errors: dict[str, str] = field(default_factory=dict)
    from_step: int | None = None
    form: ReplayForm | None = None


@dataclass(frozen=True)
class Timed:
    """One step, and when in its run it was."""

    step: Step
    start_ms: float
    whole_ms: float


@dataclass(frozen=True)
class Proposed:
    """One action the run proposed, and the last that was decided about it."""

    action: Action
    decision: Decision | None
    edited: bool


@dataclass(frozen=True)
class Totals:
    """What the model calls of a run add up to."""

    input: int
    cached: int
    output: int
    usd: Decimal


def read(run: Run, asked: Asked) -> dict[str, Any]:
    """Return the page's context."""
    calls = list(run.model_calls.all())
    replays = list(Run.objects.filter(replay_of=run).order_by("-pk")[:REPLAYS_SHOWN])
    steps = list(run.steps.all())
    errors = dict(asked.errors)
    facts = fleet.get(run.agent).facts if run.agent in fleet.all_agents() else None
    shown = run.input if asked.facts is None else asked.facts
    parts = schema_form.parts(facts, shown, errors) if facts else []
    initial = {"facts": pretty(run.input)}
    form = asked.form or ReplayForm(initial=initial)
    if asked.form is not None:
        for name, why in errors.items():
            asked.form.add_error("facts", f"{name}: {why}")
    return {
        "run": run,
        "topic": f"run:{run.pk}",
        "steps": [_timed(step, run) for step in steps],
        "calls": calls,
        "totals": _totals(calls),
        "proposed": _proposed(run),
        "replays": replays,
        "compared": _compared(run, replays),
        "subject_url": _subject_url(run),
        "subject": agent_runs.subjects([run]).get(run.subject_id, ""),
        "saw": _in_order(run.input, list(facts.model_fields) if facts else []),
        "parts": parts,
        "errors": errors,
        "unplaced": schema_form.unplaced(parts, errors),
        "from_step": asked.from_step,
        "form": form,
    }


def _in_order(values: dict[str, Any], names: list[str]) -> list[tuple[str, Any]]:
    """Return what is not empty as the schema lists it; the database keeps another order."""
    known = [name for name in names if name in values]
    ordered = [*known, *(name for name in values if name not in known)]
    return [(name, values[name]) for name in ordered if values[name] or values[name] == 0]


def _timed(step: Step, run: Run) -> Timed:
    end = run.finished_at or timezone.now()
    whole = max(_ms(end - run.started_at), 1.0)
    return Timed(step, _ms(step.started_at - run.started_at), whole)


def _ms(span: dt.timedelta) -> float:
    return span.total_seconds() * 1000


def _totals(calls: list[ModelCall]) -> Totals:
    return Totals(
        sum(call.input_tokens for call in calls),
        sum(call.cache_read_tokens for call in calls),
        sum(call.output_tokens for call in calls),
        sum(
            (call.usd if call.usd is not None else call.reserved_usd for call in calls), Decimal(0)
        ),
    )


def _proposed(run: Run) -> list[Proposed]:
    """Return what the run proposed with what people and policy said of it."""
    rows = Action.objects.filter(run_id=run.pk).order_by("pk").prefetch_related("decisions")
    found = []
    for action in rows:
        said = list(action.decisions.all())
        edited = any(one.verdict == Decision.Verdict.EDIT for one in said)
        last = next((one for one in reversed(said) if one.verdict != Decision.Verdict.EDIT), None)
        found.append(Proposed(action, last, edited))
    return found


def _compared(run: Run, replays: list[Run]) -> comparison.Comparison | None:
    """Return a replay beside what it replays: this run, or its newest replay that has ended."""
    if run.replay_of is not None and run.status == Run.Status.COMPLETED:
        return comparison.compare(run.replay_of, run)
    ended = (replay for replay in replays if replay.status == Run.Status.COMPLETED)
    newest = next(ended, None)
    return comparison.compare(run, newest) if newest else None


def _subject_url(run: Run) -> str:
    pages = {leads.LABEL: "lead-detail", prospects.LABEL: "prospect-detail"}
    name = pages.get(run.subject_type)
    return reverse(name, args=[run.subject_id]) if name else ""
