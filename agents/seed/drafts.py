"""Cold mails that wait for a decision, written by Outreach itself and proposed as it does."""

import datetime as dt
from typing import Any

from django.db.models import Exists, F, OuterRef
from django.utils import timezone

from agency import audit, clock
from agency.ids import uuid7
from agency.models import AuditEntry
from agents import configs, fleet, runs
from agents.case import Case
from agents.models import Run
from agents.seed.ground import Ground
from agents.seed.rehearsal import Script
from control import actions
from jobs.models import Job
from pipeline.models import Enrollment, Prospect


def write(ground: Ground, count: int) -> int:
    """Let so many researched prospects be written to; return how many drafts wait."""
    inside = Enrollment.objects.filter(prospect=OuterRef("pk"), status=Enrollment.Status.ACTIVE)
    ready = Prospect.objects.filter(
        ~Exists(inside),
        status=Prospect.Status.RESEARCHED,
        ideal_customer=ground.ideals[0],
        fit__gte=ground.ideals[0].min_fit,
        contacts__is_primary=True,
        merged_into=None,
    ).order_by("-fit", "-pk")
    chosen = list(ready[:count])
    for number, prospect in enumerate(chosen):
        _write(ground, prospect, number)
    return len(chosen)


def _write(ground: Ground, prospect: Prospect, number: int) -> None:
    now = clock.now()
    Enrollment.objects.create(
        prospect=prospect,
        contact=prospect.contacts.get(is_primary=True),
        sequence=ground.running,
        mailbox=ground.warm[number % len(ground.warm)],
        started_at=now - dt.timedelta(minutes=5),
        due_at=now - dt.timedelta(minutes=5),
        announced_at=timezone.now(),
    )
    agent = fleet.get("outreach")
    facts = agent.read(prospect)
    config = configs.deployed(agent.name)
    run = Run.objects.create(
        agent=agent.name,
        config=config,
        trigger=Run.Trigger.EVENT,
        event="step.due",
        subject_type=prospect._meta.label_lower,
        subject_id=str(prospect.pk),
        correlation_id=uuid7(),
        input=facts.model_dump(mode="json"),
        started_at=timezone.now(),
    )
    case: Case[Any, Any] = Case(Script(run, ""), configs.parse(agent.name, config.settings), facts)
    agent.run(case)
    _propose(run, case, prospect)
    # What tells others of the draft has nobody to tell: this happened before they looked.
    Job.objects.filter(correlation_id=run.correlation_id).update(
        status=Job.Status.COMPLETED,
        attempt=1,
        fence=1,
        started_at=F("created_at"),
        finished_at=F("created_at"),
    )


def _propose(run: Run, case: Case[Any, Any], prospect: Prospect) -> None:
    origin = actions.Origin(
        agent=run.agent,
        run_id=run.pk,
        correlation_id=run.correlation_id,
        subject=prospect,
        client=None,
        engine=case.engine,
        cost_usd=run.cost_usd,
    )
    made = [actions.propose(proposal, origin) for proposal in case.proposals]
    runs.write(run, case, Run.Status.COMPLETED)
    audit.record(
        "run.completed",
        f"{run.agent.capitalize()} looked at {prospect}: {case.outcome}",
        actor=run.agent,
        actor_kind=AuditEntry.ActorKind.AGENT,
        obj=run,
        correlation_id=run.correlation_id,
        data={"engine": case.engine, "actions": [str(action.pk) for action in made]},
    )
