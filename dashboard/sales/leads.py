"""What the pages say about leads: where each stands, and everything that happened to it."""

import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from agency.models import AuditEntry
from agents.models import Run
from control.models import Action, Level
from pipeline.leads import ANSWER_SLA_SECONDS
from pipeline.models import Lead

LABEL = Lead._meta.label_lower
PENDING = Action.UNSETTLED
TIMELINE_LENGTH = 200


@dataclass(frozen=True)
class Step:
    """What comes next for a lead, in words, and the page to do it on."""

    words: str
    tone: str = ""
    href: str = ""


@dataclass(frozen=True)
class Row:
    """One lead of the list."""

    lead: Lead
    next: Step

    @property
    def answered_in(self) -> dt.timedelta | None:
        """How long the lead waited for an answer."""
        return answered_in(self.lead)


@dataclass(frozen=True)
class Entry:
    """One line of a lead's timeline."""

    at: dt.datetime
    sentence: str
    tone: str
    href: str = ""
    detail: str = ""
    path: tuple[str, ...] = ()
    """How an agent decided, step by step."""


@dataclass(frozen=True)
class Promise:
    """How many leads were answered, or had an answer waiting, within the promised time."""

    kept: int
    leads: int
    seconds: int = ANSWER_SLA_SECONDS

    @property
    def share(self) -> float | None:
        """Kept of all, or None when nobody wrote."""
        return self.kept / self.leads if self.leads else None


def search(status: str, text: str) -> QuerySet[Lead]:
    """Return the leads with this status, or all, by the words of `text`."""
    found = Lead.objects.all()
    if status in Lead.Status.values:
        found = found.filter(status=status)
    elif status in (Lead.Outcome.WON, Lead.Outcome.LOST):
        found = found.filter(outcome=status)
    return found.worded(text) if text else found


def counts() -> dict[str, int]:
    """Count leads by status, by outcome, and all."""
    numbers = {name: Count("pk", filter=Q(status=name)) for name in Lead.Status.values}
    numbers |= {
        name: Count("pk", filter=Q(outcome=name)) for name in (Lead.Outcome.WON, Lead.Outcome.LOST)
    }
    return Lead.objects.aggregate(all=Count("pk"), **numbers)


def rows(leads: list[Lead]) -> list[Row]:
    """Return the leads with what comes next for each."""
    actions = Action.objects.filter(
        subject_type=LABEL, subject_id__in=[str(lead.pk) for lead in leads], status__in=PENDING
    ).order_by("created_at")
    pending = {action.subject_id: action for action in actions}
    return [Row(lead, next_step(lead, pending.get(str(lead.pk)))) for lead in leads]


def next_step(lead: Lead, action: Action | None) -> Step:
    """Return what comes next, given the newest action that is not settled."""
    if action is not None:
        href = reverse("approval-detail", args=[action.pk])
        if action.status == Action.Status.UNKNOWN:
            return Step("Answer may have gone out", "bad", href)
        if action.status == Action.Status.HELD:
            return Step("Answer is held", "warn", href)
        if action.status == Action.Status.WAITING:
            return Step("Answer waits for you", "accent", href)
        return Step("Answer goes out", "", href)
    if lead.outcome != Lead.Outcome.OPEN:
        return Step(lead.get_outcome_display())
    if lead.flagged_at:
        return Step("You wanted to look", "warn")
    if lead.status == Lead.Status.DISQUALIFIED:
        return Step("Not a fit")
    if lead.answered_at:
        return Step("Their turn")
    if lead.scored_at is None:
        return Step("Waits for its score", "ai")
    if lead.phone and not lead.email:
        return Step("Call them", "warn")
    return Step("Your turn", "warn")


def answered_in(lead: Lead) -> dt.timedelta | None:
    """Return how long the lead waited for an answer."""
    return lead.answered_at - lead.received_at if lead.answered_at else None


def promise(since: dt.timedelta) -> Promise:
    """Count the leads of the last while that had an answer out, or waiting, in time.

    A lead that is still within its time counts only once it has one.
    """
    now = timezone.now()
    in_time = dt.timedelta(seconds=ANSWER_SLA_SECONDS)
    kept = Q(drafted_at__lte=F("received_at") + in_time) | Q(
        answered_at__lte=F("received_at") + in_time
    )
    over = Q(received_at__lte=now - in_time)
    # Who is disqualified gets no answer, so none is promised.
    owed = Lead.objects.filter(received_at__gte=now - since, brought_by=None).exclude(
        status=Lead.Status.DISQUALIFIED
    )
    found = owed.aggregate(kept=Count("pk", filter=kept), leads=Count("pk", filter=kept | over))
    return Promise(**found)


def actions_of(lead: Lead) -> QuerySet[Action]:
    """Return everything agents proposed for a lead, newest first."""
    return Action.objects.filter(subject_type=LABEL, subject_id=str(lead.pk)).order_by("-pk")


def told(
    entries: QuerySet[AuditEntry], actions: Iterable[Action], runs: Iterable[Run]
) -> list[Entry]:
    """Return the newest of some audit entries as lines, with the runs among them.

    What policy let through at once is one line, not the three of its proposal, leave and end.
    """
    by_itself = {
        str(a.pk): a.reason
        for a in actions
        if not a.outward and a.level == Level.AUTO and a.status == Action.Status.DONE
    }
    by_id = {str(run.pk): run for run in runs}
    found = []
    for entry in entries.order_by("-pk")[:TIMELINE_LENGTH]:
        if entry.object_id in by_itself and entry.verb in {"action.proposed", "action.approve"}:
            continue
        run = by_id.pop(entry.object_id, None) if entry.verb == "run.completed" else None
        engine = (run.engine or "rules") if run else ""
        found.append(entry_of(entry, why=by_itself.get(entry.object_id, ""), engine=engine))
    for run in by_id.values():
        found.append(unfinished(run))
    return sorted(found, key=lambda entry: entry.at, reverse=True)


def entry_of(entry: AuditEntry, *, why: str = "", engine: str = "") -> Entry:
    """Return an audit entry as a line of a timeline."""
    tone = {"agent": "ai", "user": "accent"}.get(entry.actor_kind, "")
    if entry.verb in {"action.failed", "action.unknown"}:
        tone = "bad"
    elif entry.verb == "action.done":
        tone = "ok"
    if why and entry.verb == "action.done":
        words = f"{entry.actor.capitalize()}: {entry.sentence.removeprefix('Done: ')}"
        return Entry(entry.at, words, "ai", href_of(entry), why)
    detail = f"by {engine}" if engine else str(entry.data.get("reason", ""))
    return Entry(entry.at, entry.sentence, tone, href_of(entry), detail)


def unfinished(run: Run) -> Entry:
    """Return a run that has not ended, or not well, as a line of a timeline."""
    words = f"{run.agent.capitalize()} looked: {run.get_status_display().lower()}"
    tone = "ai" if run.status in (Run.Status.RUNNING, Run.Status.COMPLETED) else "bad"
    return Entry(run.started_at, words, tone, reverse("run-detail", args=[run.pk]), run.error)


def href_of(entry: AuditEntry) -> str:
    """Return the page of what an audit entry is about, or nothing."""
    key: Any = entry.object_id
    if entry.object_type == "agents.agentconfig":
        return ""
    pages = {
        "control.action": "approval-detail",
        "agents.run": "run-detail",
        LABEL: "lead-detail",
        "pipeline.prospect": "prospect-detail",
        "pipeline.deal": "deal-detail",
        "pipeline.meeting": "meeting-detail",
        "pipeline.proposal": "proposal-detail",
        "pipeline.thread": "thread-detail",
    }
    if entry.object_type in ("pipeline.source", "pipeline.idealcustomer"):
        return reverse("ideal-list")
    name = pages.get(entry.object_type)
    if name is None:
        return reverse("alert-list") if entry.object_type == "control.alert" else ""
    try:
        return reverse(name, args=[uuid.UUID(key)])
    except ValueError:
        return ""
