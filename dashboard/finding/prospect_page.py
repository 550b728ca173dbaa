"""One prospect: what is known of it and from where, what was written, what happened."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.urls import reverse

from agency import clock
from control.models import Action, Override, Takeover
from dashboard import gathered
from dashboard.finding.prospects import LABEL
from dashboard.sales import leads
from pipeline.models import (
    Contact,
    Enrollment,
    Fact,
    InboundMail,
    Prospect,
    Sequence,
    SequenceStep,
    Touch,
)

MOST = 50
FIRST = (Fact.Kind.PAIN, Fact.Kind.SIGNAL, Fact.Kind.PERSON, Fact.Kind.CONTACT)
KINDS = [*FIRST, *(kind for kind in Fact.Kind if kind not in FIRST)]
"""What a mail may be about comes first."""


@dataclass(frozen=True)
class Letter:
    """One message to them or from them. Times are the wall clock's."""

    who: str
    at: dt.datetime
    subject: str
    text: str
    ours: bool
    tag: str = ""
    tone: str = ""
    href: str = ""


@dataclass(frozen=True)
class Step:
    """One step of a sequence, and where it stands."""

    step: SequenceStep
    state: str
    at: dt.datetime | None

    @property
    def is_due(self) -> bool:
        """Whether its time has come."""
        return self.at is not None and self.at <= clock.wall()


@dataclass(frozen=True)
class Way:
    """A person's way through a sequence."""

    enrollment: Enrollment
    steps: list[Step]

    @property
    def next(self) -> Step | None:
        """The step that comes next."""
        return next((one for one in self.steps if one.state == "next"), None)


@dataclass(frozen=True)
class Record:
    """A prospect with the small tables around it, read in one round trip."""

    prospect: Prospect
    facts: list[Fact]
    contacts: list[Contact]
    sequences: list[Sequence]
    overrides: list[Override]
    takeover: Takeover | None
    merged: list[str]
    """The ids of those that were merged into it."""


def read(pk: UUID) -> Record:
    """Return a prospect and what stands around it. Raises Prospect.DoesNotExist."""
    about = Q(subject_type=LABEL, subject_id=Cast(OuterRef("pk"), TextField()))
    parts: dict[str, tuple[QuerySet[Any], tuple[str, ...]]] = {
        "facts": (
            Fact.objects.filter(prospect=OuterRef("pk")).order_by("pk"),
            ("kind", "claim", "quote", "url", "seen_at"),
        ),
        "contacts": (
            Contact.objects.filter(prospect=OuterRef("pk")).order_by("-is_primary", "pk"),
            ("id", "name", "role", "email", "phone", "linkedin", "source_url", "is_primary"),
        ),
        "sequences": (Sequence.objects.filter(active=True).order_by("name"), ("id", "name")),
        "overrides": (
            Override.objects.filter(about, lifted_at=None).order_by("pk"),
            ("field", "value", "by", "reason"),
        ),
        "takeovers": (
            Takeover.objects.filter(about, handed_back_at=None),
            ("id", "by", "taken_at"),
        ),
    }
    prospect = (
        Prospect.objects.select_related("ideal_customer", "source")
        .annotate(
            merged_ids=ArraySubquery(
                Prospect.objects.filter(merged_into=OuterRef("pk")).values("pk")
            ),
            **{
                f"the_{name}": gathered.together(rows, names)
                for name, (rows, names) in parts.items()
            },
        )
        .get(pk=pk)
    )
    found = {
        name: gathered.rows(rows, getattr(prospect, f"the_{name}"))
        for name, (rows, _) in parts.items()
    }
    return Record(
        prospect,
        found["facts"],
        found["contacts"],
        found["sequences"],
        found["overrides"],
        next(iter(found["takeovers"]), None),
        [str(key) for key in prospect.merged_ids],
    )


def researched_at(prospect: Prospect) -> dt.datetime | None:
    """Return when its site was last read, by the wall clock."""
    return clock.wall_at(prospect.researched_at) if prospect.researched_at else None


def facts(found: list[Fact]) -> list[tuple[str, list[Fact]]]:
    """Return the facts by kind, the most telling kinds first."""
    rows = sorted(found, key=lambda fact: KINDS.index(Fact.Kind(fact.kind)))
    grouped = groupby(rows, key=lambda fact: fact.get_kind_display())
    return [(str(label), list(of_kind)) for label, of_kind in grouped]


def way(prospect: Prospect, touches: Iterable[Touch]) -> Way | None:
    """Return the way through the newest sequence, or None if it never was in one."""
    rows = prospect.enrollments.select_related("sequence", "contact").order_by("-pk")
    found = rows.prefetch_related("sequence__steps").first()
    if found is None:
        return None
    sent = {touch.position: touch for touch in touches if touch.enrollment_id == found.pk}
    return Way(found, [_step(found, step, sent) for step in found.sequence.steps.all()])


def _step(enrollment: Enrollment, step: SequenceStep, sent: dict[int, Touch]) -> Step:
    if step.position in sent:
        return Step(step, "done", clock.wall_at(sent[step.position].sent_at))
    if enrollment.status != Enrollment.Status.ACTIVE:
        return Step(step, "skipped", None)
    if step.position == enrollment.position:
        return Step(step, "next", clock.wall_at(enrollment.due_at))
    if step.position < enrollment.position:
        return Step(step, "skipped", None)
    due = enrollment.started_at + dt.timedelta(days=step.day)
    return Step(step, "later", clock.wall_at(due))


def letters(
    prospect: Prospect, touches: Iterable[Touch], actions: Iterable[Action]
) -> list[Letter]:
    """Return everything that was written and answered, newest first."""
    by_key: dict[UUID | None, Action] = {action.pk: action for action in actions}
    found = [_sent(touch, by_key.get(touch.action_id)) for touch in touches]
    mails = prospect.mails.defer("raw", "full_text").order_by("-received_at")[:MOST]
    found += [_received(mail) for mail in mails]
    return sorted(found, key=lambda one: one.at, reverse=True)


def _sent(touch: Touch, action: Action | None) -> Letter:
    rendered = action.rendered if action else {}
    params = action.params if action else {}
    text = rendered.get("body") or params.get("body") or params.get("text") or ""
    marks = [
        (touch.complained_at, "complained", "bad"),
        (touch.bounced_at, "came back", "bad"),
        (touch.unsubscribed_at, "unsubscribed", "warn"),
        (touch.replied_at, "answered", "ok"),
    ]
    tag, tone = next(((word, tone) for at, word, tone in marks if at), ("", ""))
    at = (action and action.finished_at) or clock.wall_at(touch.sent_at)
    href = reverse("approval-detail", args=[touch.action_id]) if touch.action_id else ""
    who = "You" if touch.channel == SequenceStep.Channel.EMAIL else touch.get_channel_display()
    return Letter(who, at, touch.subject, str(text), True, tag, tone, href)


def _received(mail: InboundMail) -> Letter:
    labels = InboundMail.Label
    tones = {
        labels.INTERESTED: "ok",
        labels.QUESTION: "ok",
        labels.REFERRAL: "ok",
        labels.BOUNCE: "bad",
        labels.UNSUBSCRIBE: "warn",
    }
    tag = mail.get_label_display() if mail.label else mail.get_kind_display()
    tone = tones.get(labels(mail.label), "") if mail.label else ""
    who = mail.from_name or mail.from_email
    return Letter(who, mail.received_at, mail.subject, mail.text, False, str(tag), tone)


def next_step(prospect: Prospect, actions: list[Action], way: Way | None) -> leads.Step:
    """Return what comes next, in words, and the page to do it on."""
    pending = next((one for one in actions if one.status in Action.UNSETTLED), None)
    if pending is not None:
        href = reverse("approval-detail", args=[pending.pk])
        words, tone = {
            Action.Status.WAITING: ("A draft waits for you", "accent"),
            Action.Status.HELD: ("What is to go out is held", "warn"),
            Action.Status.UNKNOWN: ("A mail may have gone out", "bad"),
        }.get(Action.Status(pending.status), ("It goes out", ""))
        return leads.Step(words, tone, href)
    status = Prospect.Status
    ended = {
        status.DROPPED: "Dropped: nobody writes to them",
        status.DECLINED: "They said no",
        status.LEAD: "A lead by now",
    }
    if prospect.status in ended:
        return leads.Step(ended[status(prospect.status)])
    if prospect.status == status.NEW:
        return leads.Step("The Researcher reads their site", "ai")
    if way is not None and way.next is not None:
        return leads.Step(f"{way.next.step.get_channel_display()}, day {way.next.step.day}", "ai")
    if prospect.status == status.REPLIED:
        return leads.Step("They answered: your turn", "warn")
    return leads.Step("In no sequence", "warn")
