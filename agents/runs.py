"""Runs: a job wakes one agent for one subject; what it proposes commits together with its end."""

import uuid
from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.core.exceptions import ObjectDoesNotExist
from django.db import models, transaction
from django.db.models import F
from django.utils import timezone
from pydantic import BaseModel

from agency import audit, live
from agency.models import AuditEntry
from agents import configs, fleet
from agents.brain import Brain
from agents.case import Case
from agents.contract import Agent
from agents.models import ModelCall, Run
from control import actions, takeovers, trips
from control.models import KillSwitch
from jobs import events, queue, registry
from jobs.lease import Held, Lease, LeaseLost
from jobs.models import Event, Job

TOKEN_SPIKE = 2
SILENT = "its worker went silent"


class MissingSubject(LookupError):
    """What the agent should look at is not there any more."""


class Undeclared(Exception):
    """An agent proposes what its file does not say it proposes."""


@registry.register("agents.run", max_attempts=4)
def run_agent(job: Job, lease: Lease) -> None:
    """Run one agent on the job's subject."""
    agent = fleet.get(job.payload["agent"])
    abandon_earlier(job)
    subject = _subject(agent.subject, job.subject_id)
    takeover = takeovers.on(subject)
    if takeover is not None:
        _skip(agent.name, subject, str(takeover), job)
        return
    config = configs.deployed(agent.name)
    settings = configs.parse(agent.name, config.settings)
    facts = agent.read(subject)
    run = Run.objects.create(
        agent=agent.name,
        config=config,
        trigger=job.payload.get("trigger", Run.Trigger.EVENT),
        event=_event_name(job),
        note=job.payload.get("note", ""),
        subject_type=job.subject_type,
        subject_id=job.subject_id,
        client=job.client,
        job_id=job.pk,
        correlation_id=job.correlation_id,
        input=facts.model_dump(mode="json"),
        started_at=timezone.now(),
    )
    tell(run)
    perform(run, settings, facts, lease, lambda case: _conclude(run, case, lease, subject))


def _skip(agent: str, subject: models.Model, why: str, job: Job) -> None:
    """Say that an agent did not look, and why; its job is over."""
    audit.record(
        "run.skipped",
        f"{agent.capitalize()} skipped {subject}: {why}",
        actor=agent,
        actor_kind=AuditEntry.ActorKind.AGENT,
        obj=subject,
        client=job.client,
        correlation_id=job.correlation_id,
    )


def abandon_earlier(*jobs: Job) -> None:
    """End the runs earlier tries of `jobs` left open; a call in flight costs what was booked."""
    ids = [job.pk for job in jobs]
    left = Run.objects.filter(job_id__in=ids, status=Run.Status.RUNNING)
    calls = ModelCall.objects.filter(run__in=left, status=ModelCall.Status.RESERVED)
    calls.update(status=ModelCall.Status.CANCELLED, usd=F("reserved_usd"), error=SILENT)
    left.update(status=Run.Status.ABANDONED, error=SILENT, finished_at=timezone.now())


def perform(
    run: Run,
    settings: BaseModel,
    facts: BaseModel,
    lease: Lease,
    conclude: Callable[[Case[Any, Any]], None],
    recalled: dict[str, list[dict[str, Any]]] | None = None,
) -> None:
    """Let the run's agent decide on `facts`, then `conclude`; a run that cannot ends saying why.

    `recalled` holds, by step, what is not decided again.
    """
    agent = fleet.get(run.agent)
    brain = Brain(run, agent.limits, lease, lease.job.tags)
    case = Case(brain, settings, facts, run.note, recalled)
    try:
        agent.run(case)
        if brain.is_over_time():
            brain.trip_over_time()
        _check_declared(agent, case)
        conclude(case)
    except Held as held:
        _end(run, case, Run.Status.STOPPED, f"stopped by a kill switch: {held.tag}")
        raise
    except LeaseLost as lost:
        _end(run, case, Run.Status.ABANDONED, str(lost))
        raise
    except Exception as error:
        _end(run, case, Run.Status.FAILED, f"{type(error).__name__}: {error}")
        raise


def _check_declared(agent: Agent[Any, Any], case: Case[Any, Any]) -> None:
    strange = {proposal.kind for proposal in case.proposals} - set(agent.proposes)
    if strange:
        raise Undeclared(f"{agent.name} does not say that it proposes {', '.join(sorted(strange))}")


def _subject(model: type[models.Model], pk: str) -> models.Model:
    """Return the row an agent looks at. Raises MissingSubject."""
    try:
        return model._default_manager.get(pk=pk)
    except ObjectDoesNotExist:
        raise MissingSubject(f"there is no {model._meta.verbose_name} {pk} any more") from None


def _event_name(job: Job) -> str:
    event_id = job.payload.get("event_id")
    if event_id is None:
        return ""
    return Event.objects.values_list("name", flat=True).get(pk=uuid.UUID(event_id))


def _conclude(run: Run, case: Case[Any, Any], lease: Lease, subject: models.Model) -> None:
    """Commit the run's end, its proposals and the job's completion as one."""
    with transaction.atomic():
        lease.check_row()
        locked = Run.objects.select_for_update().get(pk=run.pk)
        origin = actions.Origin(
            agent=run.agent,
            run_id=run.pk,
            correlation_id=run.correlation_id,
            subject=subject,
            client=run.client,
            engine=case.engine,
            cost_usd=locked.cost_usd,
        )
        made = [actions.propose(proposal, origin) for proposal in case.proposals]
        write(run, case, Run.Status.COMPLETED)
        audit.record(
            "run.completed",
            f"{run.agent.capitalize()} looked at {subject}: {case.outcome or 'nothing to do'}",
            actor=run.agent,
            actor_kind=AuditEntry.ActorKind.AGENT,
            obj=run,
            client=run.client,
            correlation_id=run.correlation_id,
            data={"engine": case.engine, "actions": [str(action.pk) for action in made]},
        )
        if locked.tokens > TOKEN_SPIKE * fleet.get(run.agent).limits.expected_tokens:
            _trip_spike(run, locked.tokens)
        lease.complete()
    tell(run)


def _trip_spike(run: Run, tokens: int) -> None:
    expected = fleet.get(run.agent).limits.expected_tokens
    trips.trip(
        KillSwitch.Scope.AGENT,
        run.agent,
        cause="token spike",
        reason=f"one run used {tokens} tokens; {expected} are expected",
    )


def _end(run: Run, case: Case[Any, Any], status: str, error: str) -> None:
    with transaction.atomic():
        write(run, case, status, error)
        audit.record(
            f"run.{status}",
            f"{run.agent.capitalize()} did not finish: {error}"[:500],
            actor=run.agent,
            actor_kind=AuditEntry.ActorKind.AGENT,
            obj=run,
            client=run.client,
            correlation_id=run.correlation_id,
        )
    tell(run)


def write(run: Run, case: Case[Any, Any], status: str, error: str = "") -> None:
    """Store what the case found; a run that others ended meanwhile stays as they left it."""
    won = Run.objects.filter(pk=run.pk, status=Run.Status.RUNNING).update(
        status=status,
        error=error[:2000],
        engine=case.engine,
        engine_reason=case.engine_reason[:200],
        path=case.path,
        proposals=[proposal_json(item) for item in case.proposals],
        outcome=case.outcome[:300],
        finished_at=timezone.now(),
    )
    if won:
        for step in case.steps:
            step.save(force_insert=True)


def proposal_json(item: actions.Proposal) -> dict[str, Any]:
    """Return a proposal as it is kept on the run."""
    return {
        "kind": item.kind,
        "params": item.params.model_dump(mode="json"),
        "reason": item.reason,
        "evidence": [vars(evidence) for evidence in item.evidence],
    }


def tell(run: Run) -> None:
    """Let open pages know that the run changed."""
    live.broadcast("agents", "status", f"agent:{run.agent}", f"run:{run.pk}", "leads")


@registry.given_up("agents.run")
def abandon_given_up(jobs: list[Job], why: str) -> None:
    """End the runs of jobs a person cancelled or discarded."""
    abandon_earlier(*jobs)


@registry.register("agents.abandon", short=True)
def abandon(job: Job, lease: Lease) -> None:
    """End the run of a job that gave up with its worker."""
    event = Event.objects.get(pk=uuid.UUID(job.payload["event_id"]))
    gone = Job.objects.filter(pk=event.subject_id).first()
    if gone is not None:
        abandon_earlier(gone)


@registry.register("agents.revise", short=True)
def revise(job: Job, lease: Lease) -> None:
    """Run an agent again with the operator's note on what it proposed."""
    event = Event.objects.get(pk=uuid.UUID(job.payload["event_id"]))
    first = Run.objects.get(pk=event.data["run_id"])
    start(
        fleet.get(first.agent),
        _subject(apps.get_model(first.subject_type), first.subject_id),
        trigger=Run.Trigger.REVISION,
        note=event.data["note"],
        unique_key=f"revise:{event.pk}",
        parent=job,
    )


def start(
    agent: Agent[Any, Any],
    subject: models.Model,
    *,
    trigger: str = Run.Trigger.MANUAL,
    note: str = "",
    lane: str | None = None,
    unique_key: str | None = None,
    parent: Job | None = None,
) -> Job:
    """Enqueue a run of `agent` on `subject`, in the agent's own lane unless another is said."""
    return queue.enqueue(
        "agents.run",
        {"agent": agent.name, "trigger": trigger, "note": note},
        subject=subject,
        client=getattr(subject, "client", None),
        lane=lane or agent.lane,
        unique_key=unique_key,
        parent=parent,
        tags=[f"agent:{agent.name}"],
    )


def subscribe_fleet() -> None:
    """Wire every agent to the events it listens to."""
    for agent in fleet.all_agents().values():
        for event in agent.on:
            events.subscribe(
                event,
                "agents.run",
                {"agent": agent.name},
                tags=[f"agent:{agent.name}"],
                lane=agent.lane,
            )
    events.subscribe("action.sent_back", "agents.revise")
    events.subscribe("job.discarded", "agents.abandon")
