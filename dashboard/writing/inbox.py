"""What the inbox shows: conversations, and one of them with all that went to and fro.

Everything in it was written by others. It is shown as text: nothing in it is a link, a picture or
a file that opens.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import JSONObject, Left
from django.urls import reverse

from control.models import Action, Override
from pipeline.models import (
    Attachment,
    InboundMail,
    Lead,
    Prospect,
    SequenceStep,
    Thread,
    Touch,
)

SIZE = 40
MOST_LETTERS = 100
SHOWN = 20_000
"""So many characters of a mail are shown; the source has all."""

SNIPPET = 120
UNREAD = "unread"
TONES = {
    "interested": "ok",
    "referral": "ok",
    "question": "accent",
    "later": "",
    "not_interested": "",
    "unsubscribe": "warn",
    "out_of_office": "",
    "bounce": "bad",
}
"""Which of the five meanings a label has; most have none."""


@dataclass(frozen=True)
class Scope:
    """Which conversations are listed: by label or unread, by words, and which page of them."""

    show: str = ""
    text: str = ""
    page: int = 1

    @property
    def query(self) -> str:
        """As it stands behind an address, with its question mark; nothing for all."""
        return self.with_()

    def with_(self, **changes: str | int) -> str:
        """Return the query with something else asked for."""
        asked = {"show": self.show, "q": self.text, "page": self.page} | changes
        kept = {name: value for name, value in asked.items() if value and asked[name] != 1}
        return f"?{urlencode(kept)}" if kept else ""


@dataclass(frozen=True)
class Part:
    """One filter of the list, and how many it has."""

    value: str
    label: str
    count: int
    href: str
    current: bool


@dataclass(frozen=True)
class Row:
    """One conversation of the list."""

    thread: Thread
    who: str
    line: str
    label: str
    tone: str


@dataclass(frozen=True)
class Listed:
    """A page of conversations."""

    rows: list[Row]
    parts: list[Part]
    older: str
    newer: str
    unread: int


@dataclass(frozen=True)
class Letter:
    """One message of a conversation; `mail` is what came in."""

    who: str
    at: dt.datetime
    subject: str
    text: str
    ours: bool = False
    mail: InboundMail | None = None
    href: str = ""
    cut: bool = False
    corrected: Override | None = None
    files: list[dict[str, Any]] = field(default_factory=list)

    @property
    def tone(self) -> str:
        """The meaning of its label."""
        return TONES.get(self.mail.label, "") if self.mail else ""


def unread() -> QuerySet[Thread]:
    """Return the conversations nobody has looked at since something came in."""
    return Thread.objects.filter(unread=True)


def read(scope: Scope) -> Listed:
    """Return a page of the list, in two queries."""
    found = _search(_scoped(scope.show), scope.text)
    last = InboundMail.objects.filter(thread=OuterRef("pk")).order_by("-received_at", "-pk")
    latest = last.annotate(line=Left("text", SNIPPET))
    start = (scope.page - 1) * SIZE
    rows = list(
        found.select_related("prospect", "lead")
        .annotate(
            who=Subquery(latest.values("from_name")[:1]),
            line=Subquery(latest.values("line")[:1]),
            label=Subquery(latest.values("label")[:1]),
        )
        .order_by("-last_at", "-id")[start : start + SIZE + 1]
    )
    counts = _counts()
    parts = [("", "All"), (UNREAD, "Unread"), *InboundMail.Label.choices]
    return Listed(
        rows=[_row(one) for one in rows[:SIZE]],
        parts=[
            Part(
                value=value,
                label=str(name),
                count=counts.get(value, 0),
                href=f"{reverse('inbox')}{scope.with_(show=value, page=1)}",
                current=value == scope.show,
            )
            for value, name in parts
            if counts.get(value) or value in ("", scope.show)
        ],
        older=scope.with_(page=scope.page + 1) if len(rows) > SIZE else "",
        newer=scope.with_(page=scope.page - 1) or "?" if scope.page > 1 else "",
        unread=counts.get(UNREAD, 0),
    )


def _counts() -> dict[str, int]:
    """Count the conversations by label, the unread, and all under an empty name, in one query."""

    def counted(rows: QuerySet[Any], name: Any, what: Any) -> Any:
        return rows.order_by().values(name=name).annotate(n=what).values_list("name", "n")

    labelled = InboundMail.objects.exclude(label="").exclude(thread=None)
    everything = counted(Thread.objects.all(), Value(""), Count("pk"))
    return dict(
        everything.union(
            counted(unread(), Value(UNREAD), Count("pk")),
            counted(labelled, F("label"), Count("thread", distinct=True)),
            all=True,
        )
    )


def _scoped(show: str) -> QuerySet[Thread]:
    if show == UNREAD:
        return unread()
    if show in InboundMail.Label.values:
        labelled = InboundMail.objects.filter(thread=OuterRef("pk"), label=show)
        return Thread.objects.filter(Exists(labelled))
    return Thread.objects.all()


def _search(threads: QuerySet[Thread], text: str) -> QuerySet[Thread]:
    if not text:
        return threads
    wrote = InboundMail.objects.filter(thread=OuterRef("pk")).filter(
        Q(from_name__icontains=text) | Q(text__icontains=text)
    )
    return threads.filter(
        Q(subject__icontains=text)
        | Q(address__icontains=text)
        | Q(prospect__name__icontains=text)
        | Q(lead__company__icontains=text)
        | Exists(wrote)
    )


def _row(thread: Any) -> Row:
    name = thread.who or thread.address
    label = thread.label or ""
    whose = thread.prospect or thread.lead
    return Row(
        thread=thread,
        who=f"{name}, {whose}" if whose and str(whose) != name else name,
        line=" ".join((thread.line or thread.subject).split()),
        label=str(InboundMail.Label(label).label) if label else "",
        tone=TONES.get(label, ""),
    )


def letters(thread: Thread) -> tuple[list[Letter], list[Action]]:
    """Return what went to and fro, the oldest first, and what waits to be sent to this person."""
    known = JSONObject(pk="pk", filename="filename", size="size")
    files = Attachment.objects.filter(mail=OuterRef("pk")).order_by("pk").values(known=known)
    mails = list(
        thread.mails.defer("raw", "full_text")
        .annotate(
            files=ArraySubquery(
                files.values(file=JSONObject(pk="pk", filename="filename", size="size"))
            )
        )
        .order_by("-received_at", "-pk")[:MOST_LETTERS]
    )
    touches, actions = _ours(thread)
    corrected = _corrections(mails)
    found = [_came(mail, corrected.get(str(mail.pk))) for mail in mails]
    drafts = [action for action in actions if action.status == Action.Status.WAITING]
    by_id = {action.pk: action for action in actions if action not in drafts}
    for touch in touches:
        action = by_id.pop(touch.action_id, None) if touch.action_id else None
        found.append(_went(touch.subject, touch.sent_at, action))
    for action in by_id.values():
        at = action.finished_at or action.created_at
        found.append(_went(str(action.rendered.get("subject", "")), at, action))
    return sorted(found, key=lambda one: one.at), drafts


def _ours(thread: Thread) -> tuple[list[Touch], list[Action]]:
    """Return the mails that went to this person, their actions, and those that still wait."""
    touches: list[Touch] = []
    if thread.prospect_id:
        sent = Touch.objects.filter(prospect=thread.prospect_id, channel=SequenceStep.Channel.EMAIL)
        touches = list(sent.order_by("-sent_at")[:MOST_LETTERS])
    subject = Q(subject_type=Lead._meta.label_lower, subject_id=str(thread.lead_id))
    sent_to_lead = subject & Q(status=Action.Status.DONE)
    if thread.prospect_id:
        label = Prospect._meta.label_lower
        subject |= Q(subject_type=label, subject_id=str(thread.prospect_id))
    whose = (
        Q(pk__in=[touch.action_id for touch in touches if touch.action_id])
        | (sent_to_lead & Q(outward=True, channel="email"))
        | (subject & Q(outward=True, channel="email", status=Action.Status.WAITING))
    )
    return touches, list(Action.objects.filter(whose).order_by("-pk")[:MOST_LETTERS])


def _corrections(mails: Iterable[InboundMail]) -> dict[str, Override]:
    rows = Override.objects.filter(
        subject_type=InboundMail._meta.label_lower,
        subject_id__in=[str(mail.pk) for mail in mails],
        field="label",
        lifted_at=None,
    )
    return {row.subject_id: row for row in rows}


def _came(mail: Any, corrected: Override | None) -> Letter:
    return Letter(
        who=mail.from_name or mail.from_email,
        at=mail.received_at,
        subject=mail.subject,
        text=mail.text[:SHOWN],
        mail=mail,
        cut=len(mail.text) > SHOWN,
        corrected=corrected,
        files=mail.files,
    )


def _went(subject: str, at: dt.datetime, action: Action | None) -> Letter:
    words = str(action.rendered.get("body", "")) if action else ""
    href = reverse("approval-detail", args=[action.pk]) if action else ""
    return Letter("You", at, subject, words, ours=True, href=href)
