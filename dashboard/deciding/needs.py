"""What needs the operator now, ordered by what its waiting costs.

    cost = stakes x worth x (1 + log2(1 + age / patience) + closing)

- *stakes*: of a proposal low 1, medium 2, high 4; of a call that ended 2; of an alert info 0.5,
  warning 2, critical 4; of a stopped part with work behind it 2 + log10(jobs that wait), of
  everything stopped 4. What policy holds back counts half: you must look, but nothing leaves
  because you do not.
- *worth*: for a lead 0.5 + score / 100, so 0.5 to 1.5; else 1.
- *age* counts from when the person wrote (a lead), else from when it began to wait for you.
- *patience*: a lead 2 minutes (the promise); other messages 15 minutes; high stakes, and how a call
  went, 4 hours; alerts and stopped parts 1 hour; anything else a day. Doubling the wait adds the
  same again, so one that is very old never drowns all that is new.
- *closing*: 0 to 4 in the last day before a proposal lapses.

Two kinds rank before all others, the oldest first: a message that may have gone out, and a critical
alert. Nobody but you can settle these, and everything built on them is a guess until you do.
"""

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, OuterRef, QuerySet, Subquery, UUIDField, When
from django.db.models.functions import Cast, JSONObject
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from agency import clock
from control import switches
from control.models import Action, Alert, KillSwitch
from dashboard.deciding import cockpit
from dashboard.sales import leads
from pipeline.leads import ANSWER_SLA_SECONDS
from pipeline.meetings import due
from pipeline.models import Lead, Meeting

AT_MOST = 200
"""So many proposals are weighed: the doubtful, then by stakes, then the oldest."""

SWITCHES_AT_MOST = 3
CALLS_AT_MOST = 20
CALL = 2.0
WORTH_SAYING = dt.timedelta(minutes=1)
FIRST = 1_000.0
SOON, NOW = 5.0, 12.0
"""From these costs on an age is amber, and red."""

STAKES = {Action.Stakes.LOW: 1.0, Action.Stakes.MEDIUM: 2.0, Action.Stakes.HIGH: 4.0}
GRAVITY = {Alert.Severity.INFO: 0.5, Alert.Severity.WARNING: 2.0, Alert.Severity.CRITICAL: 4.0}
HELD = 0.5

LEAD = dt.timedelta(seconds=ANSWER_SLA_SECONDS)
MESSAGE = dt.timedelta(minutes=15)
TROUBLE = dt.timedelta(hours=1)
GRAVE = dt.timedelta(hours=4)
DAY = dt.timedelta(days=1)
MOST_CLOSING = 4.0


@dataclass(frozen=True)
class Need:
    """One thing that waits for the operator."""

    key: str
    kind: str
    kind_tone: str
    who: str
    what: str
    agent: str
    since: dt.datetime
    href: str
    cost: float

    @property
    def tone(self) -> str:
        """The colour of its age: what another while costs."""
        return "bad" if self.cost >= NOW else "warn" if self.cost >= SOON else ""


@dataclass(frozen=True)
class Needs:
    """All that needs the operator, the costliest first; of very many not all are in `rows`."""

    rows: list[Need]
    proposals: int
    count: int

    @property
    def oldest(self) -> dt.datetime | None:
        """Since when the longest waits."""
        return min((row.since for row in self.rows), default=None)

    @property
    def waited(self) -> bool:
        """Whether the longest waits for long enough to say so."""
        return bool(self.oldest and timezone.now() - self.oldest >= WORTH_SAYING)


def weigh(
    stakes: float,
    age: dt.timedelta,
    patience: dt.timedelta,
    *,
    worth: float = 1.0,
    left: dt.timedelta | None = None,
) -> float:
    """Return what waiting costs, without a unit; see the formula above."""
    pressure = 1 + math.log2(1 + max(age, dt.timedelta(0)) / patience)
    if left is not None and left < DAY:
        pressure += MOST_CLOSING * min(1.0, 1 - left / DAY)
    return stakes * worth * pressure


def read(engaged: Sequence[KillSwitch], now: dt.datetime | None = None) -> Needs:
    """Read all that needs the operator now from its rows and the engaged switches."""
    now = now or timezone.now()
    actions = list(_with_leads(cockpit.waiting().defer("evidence"))[: AT_MOST + 1])
    proposals = len(actions) if len(actions) <= AT_MOST else cockpit.waiting().order_by().count()
    rows = [_proposal(action, now) for action in actions[:AT_MOST]]
    open_alerts = list(Alert.objects.in_sight().gravest_first()[:AT_MOST])
    told = {row.href for row in rows}
    # An alert about a proposal that stands here itself would say the same twice.
    rows += [_alert(alert, now) for alert in open_alerts if alert.url not in told]
    rows += _stopped(engaged, open_alerts, now)
    rows += [_over(meeting, now) for meeting in _ended()]
    rows.sort(key=lambda row: (-row.cost, row.since, row.key))
    return Needs(rows, proposals, len(rows) + max(0, proposals - AT_MOST))


def costliest(waiting: QuerySet[Action]) -> list[Action]:
    """Return what waits, the costliest first; of very many only the first are weighed."""
    now = timezone.now()
    actions = list(_with_leads(waiting)[:AT_MOST])
    costs = {one.pk: _proposal_cost(one, one.lead or {}, now) for one in actions}
    return sorted(actions, key=lambda one: (-costs[one.pk], one.created_at, str(one.pk)))


def _with_leads(actions: QuerySet[Action]) -> Any:
    """Return the actions, each with what is known of the lead it is about."""
    is_lead = When(subject_type=leads.LABEL, then=Cast("subject_id", UUIDField()))
    lead = Lead.objects.filter(pk=OuterRef("lead_id")).values(
        found=JSONObject(score="score", received_at="received_at", company="company")
    )
    return actions.alias(lead_id=Case(is_lead)).annotate(lead=Subquery(lead))


def _proposal(action: Any, now: dt.datetime) -> Need:
    item = cockpit.item(action)
    lead = action.lead or {}
    company = lead.get("company") or ""
    who = f"{item.name}, {company}" if company and company not in item.name else item.name
    doubtful = action.status == Action.Status.UNKNOWN
    return Need(
        key=str(action.pk),
        kind="In doubt" if doubtful else item.label,
        kind_tone="bad" if doubtful else "warn" if action.status == Action.Status.HELD else "",
        who=who,
        what=f"Held: {action.error}" if action.status == Action.Status.HELD else item.line,
        agent=action.agent,
        since=action.created_at,
        href=reverse("approval-detail", args=[action.pk]),
        cost=_proposal_cost(action, lead, now),
    )


def _proposal_cost(action: Action, lead: dict[str, Any], now: dt.datetime) -> float:
    wrote = parse_datetime(lead["received_at"]) if lead else None
    if lead and action.outward:
        patience = LEAD
    elif action.outward:
        patience = MESSAGE
    else:
        patience = GRAVE if action.stakes == Action.Stakes.HIGH else DAY
    stakes = STAKES[Action.Stakes(action.stakes)]
    if action.status == Action.Status.HELD:
        stakes *= HELD
    cost = weigh(
        stakes,
        now - (wrote or action.created_at),
        patience,
        worth=0.5 + (lead.get("score") or 0) / 100 if lead else 1.0,
        left=action.expires_at - now,
    )
    if action.status == Action.Status.UNKNOWN:
        cost += FIRST + (now - action.created_at).total_seconds()
    return cost


def _alert(alert: Alert, now: dt.datetime) -> Need:
    critical = alert.severity == Alert.Severity.CRITICAL
    cost = weigh(GRAVITY[Alert.Severity(alert.severity)], now - alert.first_seen_at, TROUBLE)
    if critical:
        cost += FIRST + (now - alert.first_seen_at).total_seconds()
    times = f"{alert.count:,} times: " if alert.count > 1 else ""
    return Need(
        key=str(alert.pk),
        kind="Critical" if critical else "Alert",
        kind_tone="bad" if critical else "warn" if alert.severity == "warning" else "",
        who=alert.title,
        what=times + (alert.body.partition("\n")[0] or "look at it, then acknowledge it"),
        agent="",
        since=alert.first_seen_at,
        href=f"{reverse('alert-list')}#alert-{alert.pk}",
        cost=cost,
    )


def _ended() -> QuerySet[Meeting]:
    """Return the calls of which nobody said how they went."""
    return due.over().select_related("lead").order_by("ends_at")[:CALLS_AT_MOST]


def _over(meeting: Meeting, now: dt.datetime) -> Need:
    """Return a call as a thing to say; business time, so that its age is that of its clock."""
    age = (clock.now() - meeting.ends_at) / clock.speed()
    company = meeting.lead.company
    who = meeting.guest_name or meeting.guest_email
    return Need(
        key=str(meeting.pk),
        kind="Call",
        kind_tone="",
        who=f"{who}, {company}" if company and company not in who else who,
        what="How did the call go: held or missed?",
        agent="",
        since=now - age,
        href=reverse("meeting-detail", args=[meeting.pk]),
        cost=weigh(CALL, age, GRAVE),
    )


def _stopped(
    engaged: Sequence[KillSwitch], open_alerts: Iterable[Alert], now: dt.datetime
) -> list[Need]:
    """Return the engaged switches behind which work waits, unless an alert says so already."""
    tripped = {alert.dedupe_key for alert in open_alerts if alert.dedupe_key.startswith("trip:")}
    found = []
    for switch in engaged[:SWITCHES_AT_MOST]:
        if any(key.startswith(f"trip:{switch.scope}:{switch.value}:") for key in tripped):
            continue
        everything = switch.scope == KillSwitch.Scope.EVERYTHING
        # The header counts what waits for everything; here it needs you even if nothing does yet.
        count = 0 if everything else switches.waiting(switch)
        if everything or count:
            found.append(_switch(switch, count, now))
    return found


def _switch(switch: KillSwitch, count: int, now: dt.datetime) -> Need:
    everything = switch.scope == KillSwitch.Scope.EVERYTHING
    jobs = f"{switches.in_words(count)} job{'' if count == 1 else 's'} wait{'s' * (count == 1)}"
    says = "No agent runs and nothing goes out" if everything else jobs
    of_agent = switch.scope == KillSwitch.Scope.AGENT
    return Need(
        key=switch.tag,
        kind="Stopped",
        kind_tone="bad" if everything else "warn",
        who=switch.value.capitalize() if of_agent else switches.label(switch).capitalize(),
        what=f"{says}: “{switch.reason}”",
        agent=switch.value if of_agent else "",
        since=switch.engaged_at,
        href=reverse("stop") if everything else f"{reverse('settings')}#switches",
        cost=weigh(4 if everything else 2 + math.log10(count), now - switch.engaged_at, TROUBLE),
    )
