"""Tells the audit trail: one entry as a sentence, many of a kind as one."""

import datetime as dt
import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from agency.models import AuditEntry
from dashboard.sales import leads

READ = 400
"""So many of the newest entries are folded; what is older stands in Activity."""

SHOWN = 10
NAMED = 2

DECIDED = {
    "action.approve": "approved {}",
    "action.edit": "edited {}",
    "action.reject": "rejected {}",
    "action.send_back": "sent {} back",
    "action.snooze": "snoozed {}",
    "action.take_over": "took {} over",
    "action.recall": "called {} back",
    "action.reopen": "reopened {}",
    "action.confirm_sent": "confirmed {} as sent",
    "action.send_again": "sent {} again",
    "action.undo": "undid {}",
    "action.undone": "undid {}",
}
MANY = {
    "run.completed": "finished {} runs",
    "run.failed": "failed {} times",
    "run.stopped": "was stopped in {} runs",
    "run.abandoned": "lost {} runs",
    "lead.received": "{} leads came in",
    "alert.opened": "{} alerts were opened",
    "alert.acknowledged": "acknowledged {} alerts",
    "alert.escalated": "{} alerts were escalated",
    "action.done": "sent {} messages",
    "action.failed": "could not do {} actions",
    "action.unknown": "is not sure whether {} messages went out",
    "action.refused": "did not send {}; they ask again",
    "action.expired": "{} proposals lapsed undecided",
}
# Steps on the way to what is told anyway: the run, the decision, the message that went out.
STEPS = frozenset({"action.proposed", "limit.reached"})


@dataclass
class Line:
    """One line of what happened: an entry, or several of one kind folded into one."""

    key: str
    at: dt.datetime
    words: SafeString
    href: str


@dataclass
class News:
    """What happened since a moment, the newest first."""

    since: dt.datetime
    form: str
    lines: list[Line] = field(default_factory=list)
    left: int = 0
    cut: bool = False


def sentence(entry: AuditEntry, me: str) -> SafeString:
    """Return the entry's sentence with who did it marked; the reader is “You”."""
    actor, words = entry.actor, entry.sentence
    if entry.verb == "action.done":
        did = "sent" if "message_id" in entry.data else "did"
        words = words.replace("Done: ", f"{entry.actor.capitalize()} {did}: ", 1)
    if entry.actor_kind == AuditEntry.ActorKind.AGENT:
        actor = actor.capitalize()
    if not actor or not words.startswith(f"{actor} "):
        return format_html("{}", words)
    rest = words[len(actor) :]
    if entry.actor_kind == AuditEntry.ActorKind.USER and entry.actor == me:
        actor = "You"
        rest = rest.replace(" lets ", " let ", 1) if rest.startswith(" lets ") else rest
    return who(actor, entry.actor_kind, rest)


def who(actor: str, kind: str, rest: str) -> SafeString:
    """Return words that begin with their actor, marked by what it is."""
    tones = {AuditEntry.ActorKind.AGENT: "ai", AuditEntry.ActorKind.USER: "accent"}
    tone = tones.get(AuditEntry.ActorKind(kind))
    if tone is None:
        return format_html("{}{}", actor, rest)
    return format_html('<em class="actor" data-tone="{}">{}</em>{}', tone, actor, rest)


def news(since: dt.datetime, me: str) -> News:
    """Return what happened since then, repeated things folded."""
    rows = list(AuditEntry.objects.order_by("-pk")[:READ])
    found = list(itertools.takewhile(lambda entry: entry.at >= since, rows))
    groups: dict[tuple[str, str], list[AuditEntry]] = {}
    for entry in found:
        if _tells(entry):
            groups.setdefault(_fold(entry), []).append(entry)
    lines = [line for group in groups.values() for line in _lines(group, me)]
    lines.sort(key=lambda line: line.at, reverse=True)
    cut = len(found) == READ
    return News(since, _form(since), lines[:SHOWN], max(0, len(lines) - SHOWN), cut)


def _form(since: dt.datetime) -> str:
    """Return how to write a moment: the time alone says enough for today."""
    days = (timezone.localdate() - timezone.localdate(since)).days
    return "H:i" if days == 0 else "H:i \\y\\e\\s\\t\\e\\r\\d\\a\\y" if days == 1 else "j M, H:i"


def _tells(entry: AuditEntry) -> bool:
    if entry.verb in STEPS:
        return False
    if entry.verb == "action.done":
        return "message_id" in entry.data
    return entry.verb != "action.approve" or entry.actor_kind == AuditEntry.ActorKind.USER


def _fold(entry: AuditEntry) -> tuple[str, str]:
    """Return what an entry is told together with."""
    if entry.verb in DECIDED:
        return entry.actor, "decisions"
    if entry.verb in MANY:
        house = entry.actor_kind == AuditEntry.ActorKind.SYSTEM
        return "" if house else entry.actor, entry.verb
    return "", str(entry.pk)


def _lines(group: list[AuditEntry], me: str) -> Iterable[Line]:
    """Return one line for the group, or one for each where that is as short."""
    first = group[0]
    if len(group) <= NAMED:
        return [
            Line(str(entry.pk), entry.at, sentence(entry, me), leads.href_of(entry))
            for entry in group
        ]
    return [Line("/".join(_fold(first)), first.at, _folded(group, me), _where(first))]


def _where(entry: AuditEntry) -> str:
    query = (
        {"actor": entry.actor, "what": "decisions"}
        if entry.verb in DECIDED
        else {"verb": entry.verb}
    )
    return f"{reverse('activity-list')}?{urlencode(query)}"


def _folded(group: list[AuditEntry], me: str) -> SafeString:
    first = group[0]
    mine = first.actor_kind == AuditEntry.ActorKind.USER and first.actor == me
    agent = first.actor_kind == AuditEntry.ActorKind.AGENT
    actor = "You" if mine else first.actor.capitalize() if agent else first.actor
    if first.verb in DECIDED:
        return who(actor, first.actor_kind, f" {_decisions(group)}")
    words = MANY[first.verb].format(f"{len(group):,}")
    if first.actor_kind == AuditEntry.ActorKind.SYSTEM:
        return format_html("{}", words)
    return who(actor, first.actor_kind, f" {words}")


def _decisions(group: list[AuditEntry]) -> str:
    counts = Counter(entry.verb for entry in group)
    said: list[str] = []
    for verb, words in DECIDED.items():
        if counts[verb]:
            what = f"{counts[verb]}"
            if not said:
                what += " proposal" if counts[verb] == 1 else " proposals"
            said.append(words.format(what))
    return ", ".join(said)
