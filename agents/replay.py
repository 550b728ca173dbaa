"""Replay: the same agent on a stored or edited input, with nothing executed."""

from collections import defaultdict
from typing import Any

from django.db import transaction
from django.utils import timezone
from pydantic import BaseModel, ValidationError

from agency import audit
from agency.models import AuditEntry
from agents import configs, fleet, runs
from agents.case import Case
from agents.models import AgentConfig, Run
from jobs import queue, registry
from jobs.lease import Lease
from jobs.models import Job


class InvalidInput(Exception):
    """The edited input does not fit what the agent reads; `field` says which part."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def start(
    original: Run,
    *,
    by: str,
    facts: dict[str, Any] | None = None,
    config: AgentConfig | None = None,
    from_step: int | None = None,
) -> Job:
    """Enqueue a replay of `original` on its own input, or on `facts`. Raises InvalidInput.

    With `from_step` what it decided in earlier steps stands, and only the rest is decided anew.
    """
    typed = parse(original.agent, original.input if facts is None else facts)
    if from_step is not None and not original.steps.filter(number=from_step).exists():
        raise InvalidInput("from_step", f"this run has no step {from_step}")
    with transaction.atomic():
        audit.record(
            "run.replayed",
            f"{by} replayed a run of {original.agent.capitalize()}",
            actor=by,
            actor_kind=AuditEntry.ActorKind.USER,
            obj=original,
            correlation_id=original.correlation_id,
        )
        return queue.enqueue(
            "agents.replay",
            {
                "run_id": str(original.pk),
                "config_id": (config or configs.deployed(original.agent)).pk,
                "facts": typed.model_dump(mode="json"),
                "from_step": from_step,
            },
            subject=original,
            client=original.client,
            lane="fast",
            correlation_id=original.correlation_id,
            tags=[f"agent:{original.agent}"],
        )


def parse(agent: str, facts: dict[str, Any]) -> BaseModel:
    """Return the input typed. Raises InvalidInput."""
    try:
        typed: BaseModel = fleet.get(agent).facts.model_validate(facts)
    except ValidationError as error:
        raise InvalidInput(*configs.first_of(error, "input")) from error
    if not configs.can_be_kept(typed):
        raise InvalidInput("input", "holds a character that cannot be kept")
    return typed


@registry.register("agents.replay", max_attempts=2)
def replay(job: Job, lease: Lease) -> None:
    """Run an agent again; what it proposes is kept on the run and goes nowhere."""
    runs.abandon_earlier(job)
    original = Run.objects.get(pk=job.payload["run_id"])
    config = AgentConfig.objects.get(pk=job.payload["config_id"])
    settings = configs.parse(original.agent, config.settings)
    facts = parse(original.agent, job.payload["facts"])
    run = Run.objects.create(
        agent=original.agent,
        config=config,
        trigger=Run.Trigger.REPLAY,
        event=original.event,
        note=original.note,
        subject_type=original.subject_type,
        subject_id=original.subject_id,
        client=original.client,
        job_id=job.pk,
        correlation_id=original.correlation_id,
        replay_of=original,
        from_step=job.payload.get("from_step"),
        input=facts.model_dump(mode="json"),
        started_at=timezone.now(),
    )

    def conclude(case: Case[Any, Any]) -> None:
        with transaction.atomic():
            runs.write(run, case, Run.Status.COMPLETED)
            lease.complete()
        runs.tell(original)

    runs.perform(run, settings, facts, lease, conclude, _recalled(original, run.from_step))


def _recalled(original: Run, from_step: int | None) -> dict[str, list[dict[str, Any]]]:
    """Return what was decided before a step, by the name of the step it was decided in."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for step in original.steps.filter(number__lt=from_step or 0):
        found[step.name] += step.decided
    return found
