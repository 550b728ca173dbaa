"""What the page about deliverability says: whether mail arrives, and how much may go out today."""

import datetime as dt
from collections import Counter
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncDate
from django.utils.formats import date_format
from django.utils.safestring import SafeString

from agency import clock
from agency.models import AgencyProfile
from control.models import KillSwitch
from dashboard import charts
from pipeline.mail import deliverability
from pipeline.models import Mailbox, SenderDomain, Suppression, Touch
from pipeline.writing import windows

BACK, AHEAD = 14, 14
"""So many days of the ramp are drawn."""

LONGEST_RAMP = 365

KINDS = (
    ("spf", "SPF", "who may send for the domain"),
    ("dkim", "DKIM", "the signature under each mail"),
    ("dmarc", "DMARC", "what becomes of mail that only claims to be yours"),
)


RECORD = ("Host", "Type", "Value")


@dataclass(frozen=True)
class Rate:
    """A rate with the limit it must stay under, both shares of one."""

    name: str
    count: int
    sent: int
    limit: float
    least: str

    @property
    def share(self) -> float:
        """The rate itself."""
        return self.count / self.sent if self.sent else 0.0

    @property
    def over(self) -> bool:
        """Whether it is over its limit."""
        return self.share > self.limit


@dataclass(frozen=True)
class Check:
    """One record of a domain: whether DNS has it, and what to put there if not."""

    kind: str
    name: str
    about: str
    ok: bool | None
    says: str
    todo: str
    host: str
    value: str

    @property
    def tone(self) -> str:
        """The meaning of its state."""
        return "off" if self.ok is None else "ok" if self.ok else "bad"


@dataclass(frozen=True)
class Box:
    """A mailbox and its day."""

    mailbox: Mailbox
    sent: int
    cap: int
    warm_on: dt.date | None

    @property
    def full(self) -> bool:
        """Whether it has sent all it may today."""
        return self.sent >= self.cap


def rates() -> list[Rate]:
    """Return the rates over the last mails, in one query."""
    now = deliverability.rates()
    return [
        Rate(
            "Bounced",
            now.bounced,
            now.sent,
            deliverability.MAX_BOUNCED,
            f"It counts from {deliverability.MIN_SENT} mails on.",
        ),
        Rate(
            "Complained",
            now.complained,
            now.sent,
            deliverability.MAX_COMPLAINED,
            f"It counts from {deliverability.MIN_COMPLAINTS} complaints on.",
        ),
    ]


def stopped() -> KillSwitch | None:
    """Return the switch that stops cold mail, if it is engaged."""
    return KillSwitch.objects.filter(
        scope=KillSwitch.Scope.KIND, value=deliverability.STOPPED, released_at=None
    ).first()


def domains() -> list[tuple[SenderDomain, list[Check]]]:
    """Return each domain with the state of its three records."""
    found = SenderDomain.objects.defer("dkim_private_key").order_by("domain")
    return [(domain, _checks(domain)) for domain in found]


def _checks(domain: SenderDomain) -> list[Check]:
    found = []
    for kind, name, about in KINDS:
        known: dict[str, Any] = domain.checks.get(kind) or {}
        # Written as a person reads it: what to do, then host, type and value, a line each.
        lines = str(known.get("fix", "")).splitlines()
        record = {key: value for key, _, value in (line.partition(": ") for line in lines)}
        todo = [line for line in lines if line.partition(": ")[0] not in RECORD]
        found.append(
            Check(
                kind=kind,
                name=name,
                about=about,
                ok=known.get("ok"),
                says=str(known.get("says", "")),
                todo=" ".join(todo).strip(": "),
                host=record.get("Host", ""),
                value=record.get("Value", ""),
            )
        )
    return found


def boxes() -> tuple[list[Box], SafeString]:
    """Return the mailboxes with their day, and the ramp of all of them drawn, in two queries."""
    today = windows.day_of(clock.now())
    listed = list(Mailbox.objects.select_related("domain").defer("smtp_url", "imap_url"))
    by_day = _sent(today)
    found = [
        Box(one, by_day[one.pk, today], windows.cap(one, today), _warm_on(one, today))
        for one in listed
    ]
    return found, _ramp([one for one in listed if one.active], by_day, today)


def _sent(today: dt.date) -> Counter[tuple[int, dt.date]]:
    zone = ZoneInfo(AgencyProfile.load().timezone)
    since = dt.datetime.combine(today - dt.timedelta(days=BACK), dt.time(0), zone)
    groups = (
        Touch.objects.filter(sent_at__gte=since, mailbox__isnull=False)
        .annotate(day=TruncDate("sent_at", tzinfo=zone))
        .order_by()
        .values_list("mailbox", "day")
        .annotate(Count("pk"))
    )
    return Counter({(mailbox, day): n for mailbox, day, n in groups})


def _warm_on(mailbox: Mailbox, today: dt.date) -> dt.date | None:
    """Return when it may send its whole cap, None once it may."""
    start = mailbox.started_on or today
    for days in range(LONGEST_RAMP):
        day = start + dt.timedelta(days=days)
        if mailbox.started_on is None:
            grown = mailbox.ramp_start * (1 + mailbox.ramp_growth / 100) ** days
            reached = grown >= mailbox.daily_cap
        else:
            reached = windows.cap(mailbox, day) >= mailbox.daily_cap
        if reached:
            return day if day > today else None
    return None


def _ramp(
    active: list[Mailbox], by_day: Counter[tuple[int, dt.date]], today: dt.date
) -> SafeString:
    days = [today + dt.timedelta(days=n) for n in range(-BACK, AHEAD + 1)]
    sent = [sum(by_day[one.pk, day] for one in active) if day <= today else None for day in days]
    may: list[float | None] = [
        sum(
            windows.cap(one, day)
            for one in active
            if one.started_on is None or day >= one.started_on
        )
        for day in days
    ]
    return charts.line(
        "Mails a day, and how many may go out",
        [date_format(day, "j M") for day in days],
        [charts.Series("sent", sent), charts.Series("may go out", may)] if active else [],
    )


def suppressed(scope: str, text: str) -> QuerySet[Suppression]:
    """Return the suppression list, of one scope or all, with these letters in value or reason."""
    found = Suppression.objects.all()
    if scope in Suppression.Scope.values:
        found = found.filter(scope=scope)
    if text:
        found = found.filter(Q(value__icontains=text) | Q(reason__icontains=text))
    return found


def suppressed_counts() -> dict[str, int]:
    """Count the list by scope, and all."""
    found = dict(Suppression.objects.order_by().values_list("scope").annotate(Count("pk")))
    return {"": sum(found.values()), **found}
