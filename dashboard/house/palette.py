"""What the palette finds: pages and things to do by their words, records by how theirs begin.

Each kind of record is one bounded query; what is matched here is matched on few rows.
"""

import re
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from django.db.models import Model, Q, QuerySet
from django.urls import reverse

from agency.models import Client
from agents import fleet
from agents.models import Run
from control.models import Action, KillSwitch
from dashboard.deciding import cockpit
from dashboard.house import status
from integrations import mail
from jobs.models import ArchivedJob, Job
from pipeline import search
from pipeline.models import Deal, Lead, Prospect

MOST = 6
"""So many of a group are shown."""

AMONG = 30
"""So many leads are read, the newest first, and the best of them shown."""

RECENT = 300
SHORT = 2
"""Up to so many letters mean a page or a verb rather than a record."""

ID = re.compile(r"[0-9a-f]{6,32}")
NO_MATCH = 9

PAGE_WORDS = {
    "home": "home start today dashboard needs me fleet road",
    "approval-list": "queue waiting drafts decide reply mail review",
    "alert-list": "warnings incidents problems trouble",
    "pipeline": "board funnel stages kanban deals forecast",
    "prospect-list": "companies outbound targets find scout fit duplicates import",
    "ideal-list": "icp sources feeds directory scout customers whom to look for overpass",
    "lead-list": "people contacts enquiries inbound score",
    "inbox": "replies answers mail conversations threads unread",
    "sequence-list": "cold mail steps variants wording linkedin calls enrollments",
    "deliverability": "spf dkim dmarc dns bounces complaints warm-up ramp mailboxes domains",
    "client-list": "customers accounts tenants",
    "price-list": "packages price book offers discounts floor ceiling what we sell",
    "payment-list": "money paid stripe checkout refunds invoices income",
    "cost-list": "spend money usd tokens budget model",
    "costs": "spend money usd tokens budget model",
    "agent-list": "fleet qualifier robots autonomy versions runs",
    "activity-list": "audit trail history log events who did what",
    "job-list": "queue lanes workers retry failures backlog limits",
    "mailbox-list": "sandbox mail sent messages smtp",
    "settings": "preferences configuration options",
}
"""Other words a page is looked for by, by the name of its address."""

SETTINGS = (
    ("Profile", "profile", "agency name website time zone address operator email"),
    ("Sending", "sending", "sender from reply-to postal address booking link undo send seconds"),
    ("Ideal customer", "customer", "icp industries places sizes keywords exclusions fit scoring"),
    ("Autonomy", "phase", "change phase foundation ai sales delivery autonomous asks runs alone"),
    ("Switches", "switches", "kill switch pause stop a part channel email client release"),
    ("Real or sandboxed", "parts", "parts smtp email anthropic model key postgres valkey provider"),
    ("Webhooks", "webhooks", "webhook address url token secret signature form endpoint rotate"),
    ("This browser", "browser", "theme dark light keyboard shortcuts appearance"),
)


@dataclass(frozen=True)
class Hit:
    """One thing found: where it leads, or what is posted when it is picked."""

    label: str
    href: str
    hint: str = ""
    words: str = ""
    post: str = ""
    value: str = ""
    dialog: bool = False
    rank: int = NO_MATCH


@dataclass(frozen=True)
class Group:
    """Hits of one kind, the best first."""

    label: str
    hits: list[Hit]

    @property
    def rank(self) -> int:
        """How well its best hit fits."""
        return min(hit.rank for hit in self.hits)


def find(text: str) -> list[Group]:
    """Return what fits `text`, the best group first; where to go when there is none."""
    if not text:
        return [Group("Go to", list(pages())), Group("Do", list(verbs())[:MOST])]
    places = [
        Group("Pages", _best([*pages(), *sections()], text)),
        Group("Do", _best(verbs(), text)),
        Group("Agents", _best(agents(), text)),
    ]
    records: list[Group] = []
    if len(text) >= SHORT:
        people, companies = _people(text)
        records = [
            Group("Waiting and recent", _actions(text)),
            Group("People", people),
            Group("Companies", companies),
            Group("Deals", _deals(text)),
            Group("Prospects", _prospects(text)),
            Group("Clients", _clients(text)),
            Group("By id", _by_id(text)),
        ]
    if len(text) > SHORT:
        return _ranked([*places, *records])
    return [*_ranked(places), *_ranked(records)]


def _ranked(groups: list[Group]) -> list[Group]:
    return sorted((group for group in groups if group.hits), key=lambda group: group.rank)


def pages() -> Iterator[Hit]:
    """Return every page of the rail."""
    for link in status.links(sandbox=mail.world() == "sandbox"):
        yield Hit(link.label, link.href, f"G {link.key.upper()}", PAGE_WORDS.get(link.name, ""))


def sections() -> Iterator[Hit]:
    """Return the parts of the settings."""
    for label, anchor, words in SETTINGS:
        yield Hit(label, f"{reverse('settings')}#{anchor}", "Settings", words)


def agents() -> Iterator[Hit]:
    """Return every agent."""
    for name, agent in sorted(fleet.all_agents().items()):
        href = reverse("agent-detail", args=[name])
        yield Hit(name.capitalize(), href, agent.quadrant.capitalize(), "agent")


def verbs() -> Iterator[Hit]:
    """Return what can be done from anywhere."""
    engaged = {switch.tag: switch for switch in KillSwitch.objects.filter(released_at=None)}
    stop = reverse("stop")
    if "*" in engaged:
        yield Hit("Resume everything", stop, "It is all stopped", "go on release", dialog=True)
    else:
        yield Hit("Stop everything", stop, "", "kill switch halt pause emergency", dialog=True)
    settings = reverse("settings")
    yield Hit("Change the phase", f"{settings}#phase", "Autonomy", "autonomy level")
    yield Hit("Stop a part of the house", f"{settings}#new-switch", "Settings", "pause channel")
    theme = reverse("settings-theme")
    for value, label in (("dark", "Dark"), ("light", "Light"), ("system", "System")):
        href = f"{settings}#browser"
        yield Hit(f"{label} theme", href, "This browser", "toggle mode", post=theme, value=value)
    if mail.world() == "sandbox":
        sample = reverse("start-sample")
        yield Hit("Post a sample lead", reverse("start"), "Sandbox", "test demo try", post=sample)
    yield Hit("Do tasks by hand", reverse("task-list"), "Tasks", "linkedin notes calls to do")
    hint = "Deliverability"
    yield Hit("Suppress somebody", reverse("suppression-list"), hint, "unsubscribe list block")
    yield Hit("Set up your agency", reverse("start"), "Four steps", "guide first run onboarding")
    yield Hit("Log out", settings, "", "sign out leave", post=reverse("logout"))
    for name in sorted(fleet.all_agents()):
        verb = "Resume" if f"agent:{name}" in engaged else "Pause"
        href = reverse("agent-detail", args=[name])
        yield Hit(f"{verb} {name.capitalize()}", href, "On its page", "stop agent")


def rank(hit: Hit, text: str) -> int:
    """Return how well a hit fits, 0 the best: its label begins so, a word of it, other words."""
    label, asked = hit.label.lower(), text.lower().split()
    if label.startswith(text.lower()):
        return 0 if label == text.lower() else 1
    words, others = label.split(), f"{hit.hint} {hit.words}".lower().split()
    if all(any(word.startswith(part) for word in words) for part in asked):
        return 2
    if all(any(word.startswith(part) for word in [*words, *others]) for part in asked):
        return 3
    if all(part in label for part in asked):
        return 4
    return NO_MATCH


def _best(hits: Iterable[Hit], text: str) -> list[Hit]:
    ranked = [replace(hit, rank=rank(hit, text)) for hit in hits]
    return sorted((h for h in ranked if h.rank < NO_MATCH), key=lambda h: h.rank)[:MOST]


def _anyway(hits: Iterable[Hit], text: str) -> list[Hit]:
    """Sort what the database found by how well it fits, and keep all of it."""
    ranked = [replace(hit, rank=min(rank(hit, text), 4)) for hit in hits]
    return sorted(ranked, key=lambda hit: hit.rank)[:MOST]


def _people(text: str) -> tuple[list[Hit], list[Hit]]:
    """Return the leads found by name, company or address, and the companies among them."""
    found = search.matching(Lead.objects.all(), text).order_by("-received_at")
    rows = list(found.only("id", "name", "company", "email", "status", "outcome")[:AMONG])
    people = []
    companies: dict[str, Hit] = {}
    for lead in rows:
        href = reverse("lead-detail", args=[lead.pk])
        state = lead.outcome if lead.outcome != Lead.Outcome.OPEN else lead.status
        hint = " · ".join(part for part in (lead.company if lead.name else "", state) if part)
        people.append(Hit(str(lead), href, hint, f"{lead.company} {lead.email}"))
        if lead.company:
            more = f"{reverse('lead-list')}?q={quote(lead.company)}"
            first = lead.company.lower() not in companies
            hit = Hit(lead.company, href if first else more, "Lead" if first else "Leads")
            companies[lead.company.lower()] = hit
    named = [hit for hit in companies.values() if rank(hit, text) < NO_MATCH]
    return _anyway(people, text), _anyway(named, text)


def _prospects(text: str) -> list[Hit]:
    """Return the prospects found by name, domain or place, the newest of them."""
    found = search.matching(Prospect.objects.filter(merged_into=None), text, search.PROSPECT)
    rows = list(found.order_by("-pk").only("id", "name", "domain", "place", "status")[:AMONG])
    return _anyway(
        (
            Hit(
                row.name,
                reverse("prospect-detail", args=[row.pk]),
                " · ".join(part for part in (row.place, row.get_status_display().lower()) if part),
                f"{row.domain} {row.place}",
            )
            for row in rows
        ),
        text,
    )


def _deals(text: str) -> list[Hit]:
    """Return the deals found by name, the newest of them."""
    found = Deal.objects.filter(name__icontains=text).order_by("-pk")[:AMONG]
    return _anyway(
        (
            Hit(deal.name, reverse("deal-detail", args=[deal.pk]), deal.get_stage_display().lower())
            for deal in found
        ),
        text,
    )


def _clients(text: str) -> list[Hit]:
    found = Client.objects.filter(Q(name__icontains=text) | Q(slug__startswith=text.lower()))
    return _anyway(
        (
            Hit(client.name, reverse("client-detail", args=[client.slug]), client.status)
            for client in found[:AMONG]
        ),
        text,
    )


def _actions(text: str) -> list[Hit]:
    """Return proposals by their summary: those that wait, then the newest of the others."""
    recent = Action.objects.order_by("-pk").values("pk")[:RECENT]
    queue = Action.objects.filter(status__in=cockpit.OPEN, summary__icontains=text)
    others = Action.objects.filter(pk__in=recent, summary__icontains=text)
    rows: list[Action] = [
        *queue.order_by("created_at")[:MOST],
        *others.exclude(status__in=cockpit.OPEN).order_by("-pk")[:MOST],
    ]
    return _anyway((_action(row) for row in rows), text)


def _action(action: Action) -> Hit:
    href = reverse("approval-detail", args=[action.pk])
    state = "waits for you" if action.status in cockpit.OPEN else action.get_status_display()
    return Hit(action.summary, href, state.lower())


def _by_id(text: str) -> list[Hit]:
    """Return the records whose id begins so."""
    digits = text.lower().replace("-", "")
    if not ID.fullmatch(digits):
        return []
    low, high = uuid.UUID(digits.ljust(32, "0")), uuid.UUID(digits.ljust(32, "f"))

    def among(model: type[Model]) -> QuerySet[Any]:
        return model._default_manager.filter(pk__range=(low, high)).order_by("-pk")[:3]

    hits = [
        *(_row(run, "run-detail", f"Run of {run.agent.capitalize()}") for run in among(Run)),
        *(_row(job, "job-detail", f"Job {job.kind}") for job in among(Job)),
        *(_row(job, "job-detail", f"Job {job.kind}, archived") for job in among(ArchivedJob)),
        *(_row(action, "approval-detail", action.summary) for action in among(Action)),
        *(_row(lead, "lead-detail", str(lead)) for lead in among(Lead)),
        *(_row(one, "prospect-detail", one.name) for one in among(Prospect)),
        *(_row(one, "deal-detail", f"Deal with {one.name}") for one in among(Deal)),
    ]
    return hits[:MOST]


def _row(row: Model, page: str, label: str) -> Hit:
    return Hit(label, reverse(page, args=[row.pk]), str(row.pk), rank=0)
