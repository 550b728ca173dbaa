"""Lets a lead's story happen once, by the real services, in a transaction that is rolled back.

So whatever the services write is what is seeded; a change of theirs changes it too.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.db import models, transaction
from django.utils import timezone
from pydantic import BaseModel

from agency import audit
from agency.ids import uuid7
from agency.models import AuditEntry, Client
from agents import configs, fleet, runs
from agents.answers import Draft
from agents.brain import Brain
from agents.case import Case
from agents.models import ModelCall, Run, Step
from agents.seed.people import EDITS, REJECTIONS, SENT_BACK, Note
from agents.seed.tape import COMPANY, DOMAIN, LOCAL, NAME, PHONE, Recording, Tape, Writer
from control import actions, approvals, kinds, outcomes
from control.models import Action, Decision
from jobs import events
from jobs.models import Event, Job
from pipeline.models import Lead

T = TypeVar("T", bound=BaseModel)

PAID = (("score", "claude-haiku-5-5", 1.0), ("write", "claude-sonnet-5-5", 4.0))
"""Step, model and how dear it is, of a run a model decided."""


@dataclass(frozen=True)
class Story:
    """What happens to a lead; each is recorded once."""

    note: Note
    town: str
    fate: str = "approved"
    by_model: bool = False
    of_client: bool = False
    replayed: bool = False
    source: str = "webhook:website"


class Script(Brain):
    """Decides by the agent's rules; where a model is played, its answer is the note's."""

    def __init__(self, run: Run, answer: str) -> None:
        self.run = run
        self.engines: list[str] = []
        self.reasons: list[str] = []
        self.answer = answer

    def check(self) -> None:
        """Nothing stops a rehearsal."""

    def decide(self, schema: type[T], *, model: str, rules: Callable[[], T], **rest: Any) -> T:
        """Return what the rules say, or the written answer."""
        self.engines.append(model if self.answer else "rules")
        if not self.answer:
            self.reasons.append("no model is configured")
        found = rules()
        if self.answer and isinstance(found, Draft):
            parts = (found.body.split("\n\n")[0], self.answer, found.body.split("\n\n")[-1])
            found.body = "\n\n".join(parts)
        return found


class Recorder:
    """Lets one story happen, phase by phase, and notes which rows each phase made."""

    def __init__(self, story: Story, user: User) -> None:
        self.story = story
        self.user = user
        self.client: Client | None = None
        self.correlation = uuid7()
        self.phases: list[tuple[str, dt.datetime]] = []

    def phase(self, name: str) -> None:
        """What happens from now on belongs to this phase."""
        self.phases.append((name, timezone.now()))

    def rows(self) -> Iterator[models.Model]:
        chain = {"correlation_id": self.correlation}
        yield from Lead.objects.filter(pk=self.lead.pk)
        yield from Run.objects.filter(**chain)
        yield from Step.objects.filter(run__correlation_id=self.correlation)
        yield from ModelCall.objects.filter(run__correlation_id=self.correlation)
        yield from Action.objects.filter(**chain)
        yield from Decision.objects.filter(action__correlation_id=self.correlation)
        yield from AuditEntry.objects.filter(**chain)
        yield from Event.objects.filter(**chain)
        yield from Job.objects.filter(**chain)

    def record(self) -> Tape:
        """Let it happen."""
        if self.story.of_client:
            self.client = Client.objects.create(name="Qzclient", slug=f"qz-{uuid7()}")
        self.phase("received")
        self._receive()
        run = self._run("event")
        reply = self._waiting()
        if reply is not None:
            self._decide(reply)
        if self.story.replayed:
            self.phase("replayed")
            self._replay(run)
        self.lead.refresh_from_db()
        rows = list(self.rows())
        recording = Recording(rows, self.lead, self.correlation, self.client, self.phases)
        return Writer(recording).tape()

    def _receive(self) -> None:
        note, town = self.story.note, self.story.town
        self.lead = Lead.objects.create(
            client=self.client,
            source=self.story.source,
            name=NAME,
            email=f"{LOCAL}@{DOMAIN}.example",
            phone=PHONE,
            company=COMPANY,
            subject=note.subject.replace("{company}", COMPANY),
            message=note.text.replace("{town}", town),
            received_at=timezone.now(),
        )
        audit.record(
            "lead.received",
            f"{NAME} of {COMPANY} wrote through {self.story.source.removeprefix('webhook:')}",
            actor=self.lead.source,
            obj=self.lead,
            client=self.client,
            correlation_id=self.correlation,
        )
        self._emit("lead.received")

    def _emit(self, name: str) -> None:
        events.emit(name, subject=self.lead, client=self.client, correlation_id=self.correlation)

    def _run(self, trigger: str, note: str = "") -> Run:
        """Run the agent on the lead, as a job would."""
        agent = fleet.get("qualifier")
        config = configs.deployed(agent.name)
        facts = agent.read(self.lead)
        jobs = Job.objects.filter(correlation_id=self.correlation, kind="agents.run")
        job = jobs.last() if trigger == "event" else None
        run = Run.objects.create(
            agent=agent.name,
            config=config,
            trigger=trigger,
            event="lead.received" if trigger == "event" else "",
            note=note,
            subject_type=self.lead._meta.label_lower,
            subject_id=str(self.lead.pk),
            client=self.client,
            job_id=job.pk if job else None,
            correlation_id=self.correlation,
            input=facts.model_dump(mode="json"),
            started_at=timezone.now(),
        )
        case = self._perform(run, facts, note)
        origin = actions.Origin(
            agent=run.agent,
            run_id=run.pk,
            correlation_id=self.correlation,
            subject=self.lead,
            client=self.client,
            engine=case.engine,
            cost_usd=run.cost_usd,
        )
        made = [actions.propose(proposal, origin) for proposal in case.proposals]
        audit.record(
            "run.completed",
            f"{run.agent.capitalize()} looked at {self.lead}: {case.outcome}",
            actor=run.agent,
            actor_kind=AuditEntry.ActorKind.AGENT,
            obj=run,
            client=self.client,
            correlation_id=self.correlation,
            data={"engine": case.engine, "actions": [str(action.pk) for action in made]},
        )
        self.lead.refresh_from_db()
        for action in made:
            if action.kind == "reply_to_lead":
                Lead.objects.filter(pk=self.lead.pk, drafted_at=None).update(
                    drafted_at=timezone.now()
                )
        return run

    def _perform(self, run: Run, facts: BaseModel, note: str) -> Case[Any, Any]:
        agent = fleet.get(run.agent)
        answer = self.story.note.answer if self.story.by_model else ""
        settings = configs.parse(agent.name, run.config.settings)
        case: Case[Any, Any] = Case(Script(run, answer), settings, facts, note)
        agent.run(case)
        if answer:
            self._pay(run, case)
        runs.write(run, case, Run.Status.COMPLETED)
        return case

    def _pay(self, run: Run, case: Case[Any, Any]) -> None:
        """Book the model's calls, one a step."""
        words = len(self.story.note.text.split())
        for step, (name, model, dear) in zip(case.steps, PAID, strict=False):
            usage = {"input_tokens": 900 + 2 * words, "output_tokens": 120 + words}
            tokens = sum(usage.values())
            usd = (Decimal(tokens) * Decimal(dear) / 1_000_000).quantize(Decimal("0.000001"))
            step.duration_ms = 700 + 9 * words + int(900 * dear)
            ModelCall.objects.create(
                run=run,
                step=name,
                client=self.client,
                model=model,
                status=ModelCall.Status.ANSWERED,
                reserved_usd=usd * 3,
                usd=usd,
                latency_ms=step.duration_ms - 6,
                cache_read_tokens=1_024,
                request_id=f"req_seed{uuid.uuid4().hex[:16]}",
                stop_reason="end_turn",
                started_at=timezone.now(),
                **usage,
            )
            run.calls, run.tokens = run.calls + 1, run.tokens + tokens + 1_024
            run.cost_usd += usd
        run.save(update_fields=["calls", "tokens", "cost_usd"])

    def _waiting(self) -> Action | None:
        found = Action.objects.filter(correlation_id=self.correlation, kind="reply_to_lead")
        return found.filter(status=Action.Status.WAITING).last()

    def _decide(self, reply: Action) -> None:
        """Let the operator decide, and what follows from it."""
        fate, by, seen = self.story.fate, self.user, reply.content_hash
        if fate == "waiting":
            return
        if fate == "expired":
            self.phase("lapsed")
            self._lapse(reply)
            return
        self.phase("decided")
        if fate == "rejected":
            approvals.reject(reply, by=by, seen_hash=seen, reason=self._pick(REJECTIONS))
            return
        if fate.startswith("revised"):
            note = self._pick(SENT_BACK)
            approvals.send_back(reply, by=by, seen_hash=seen, note=note)
            self.phase("sent")
            self._run("revision", note)
            again = self._waiting()
            if again is None or fate == "revised, waiting":
                return
            reply = again
            self.phase("decided")
        elif fate == "edited":
            reply = self._edit(reply)
        approvals.approve(reply, by=by, seen_hash=reply.content_hash)
        self.phase("sent")
        self._send(reply)

    def _pick(self, texts: Sequence[str]) -> str:
        """Return one of them, the same for the same message."""
        return texts[sum(map(ord, self.story.note.text)) % len(texts)]

    def _lapse(self, reply: Action) -> None:
        reply.advance(Action.Status.WAITING, Action.Status.EXPIRED)
        audit.record(
            "action.expired",
            f"Lapsed undecided: {reply.summary}",
            actor="the house",
            obj=reply,
            client=self.client,
            correlation_id=self.correlation,
        )

    def _edit(self, reply: Action) -> Action:
        paragraphs = str(reply.params["body"]).split("\n\n")
        paragraphs[-2:-2] = [self._pick(EDITS)]
        changes = {"body": "\n\n".join(paragraphs)}
        return approvals.edit(reply, changes, by=self.user, seen_hash=reply.content_hash)

    def _send(self, reply: Action) -> None:
        """End the action as its execution would, with nothing sent."""
        now = timezone.now()
        Decision.objects.filter(
            action=reply, verdict=Decision.Verdict.APPROVE, voided_at=None
        ).update(consumed_at=now)
        reply.refresh_from_db()
        reply.advance(Action.Status.APPROVED, Action.Status.EXECUTING, effect_started_at=now)
        if self.story.fate == "failed":
            error = "550 5.1.1 the mailbox does not exist"
            outcomes.ends_own(reply, Action.Status.FAILED, error, finished_at=timezone.now())
            outcomes.tell(reply, "action.failed", f"Failed: {reply.summary}: {error}", {})
            return
        if self.story.fate == "unknown":
            outcomes.mark_unknown(reply, "its worker stopped in the middle of it")
            return
        effect = {
            "message_id": reply.rendered["message_id"],
            "server": "250 2.0.0 Kept by the seed; nothing was sent",
        }
        outcomes.ends_own(reply, Action.Status.DONE, "", effect=effect, finished_at=timezone.now())
        kinds.get(reply.kind).done(reply, kinds.parsed(reply))
        outcomes.tell(reply, "action.done", f"Done: {reply.summary}", effect)

    def _replay(self, first: Run) -> None:
        """Run it again on its own input with nothing done, as `agents.replay` would."""
        agent = fleet.get(first.agent)
        facts = agent.facts.model_validate(first.input)
        run = Run.objects.create(
            agent=first.agent,
            config=first.config,
            trigger=Run.Trigger.REPLAY,
            event=first.event,
            subject_type=first.subject_type,
            subject_id=first.subject_id,
            client=self.client,
            correlation_id=self.correlation,
            replay_of=first,
            input=first.input,
            started_at=timezone.now(),
        )
        self._perform(run, facts, "")


def record(story: Story, user: User) -> Tape:
    """Let a story happen, and undo it."""
    with transaction.atomic():
        tape = Recorder(story, user).record()
        transaction.set_rollback(True)
    return tape
