"""What the pages say about clients: who they are, what was done for them, what it cost."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.db.models import Count, Subquery, Sum, Value
from django.db.models.functions import Coalesce, TruncDate
from django.utils import timezone
from django.utils.safestring import SafeString

from agency.models import Client
from agents.models import Run
from control.models import Action, KillSwitch
from dashboard import charts
from dashboard.house.costs import DAYS, month_start
from dashboard.sales import leads
from dashboard.sales import timeline as timeline_of
from pipeline.models import Lead

TIMELINE_LENGTH = 30
LEADS_SHOWN = 8
KINDS_SHOWN = 8
SORTS = ("name", "runs", "done", "leads", "usd")

TONES = {
    Client.Status.ONBOARDING: "accent",
    Client.Status.ACTIVE: "ok",
    Client.Status.SUSPENDED: "warn",
    Client.Status.FORMER: "off",
}


@dataclass(frozen=True)
class Numbers:
    """What was done for a client in 30 days."""

    runs: int = 0
    done: int = 0
    leads: int = 0
    usd: Decimal = Decimal(0)


@dataclass(frozen=True)
class Row:
    """One client of the list."""

    client: Client
    numbers: Numbers
    switch: KillSwitch | None

    @property
    def tone(self) -> str:
        """The meaning of its status."""
        return tone(self.client)


def tone(client: Client) -> str:
    """Return which of the five meanings a client's status has."""
    return TONES[Client.Status(client.status)]


def counts() -> dict[str, int]:
    """Count the clients by status, and all."""
    found = dict(Client.objects.order_by().values_list("status").annotate(Count("pk")))
    return {"all": sum(found.values()), **found}


def rows(status: str, text: str, sort: str) -> list[Row]:
    """Return the clients with this status, or all, whose name contains `text`, in order.

    By name, or by a number with the highest first.
    """
    found = Client.objects.all()
    if status in Client.Status.values:
        found = found.filter(status=status)
    if text:
        found = found.filter(name__icontains=text)
    numbers, switches = _numbers(), stopped()
    listed = [Row(one, numbers.get(one.pk, Numbers()), switches.get(str(one.pk))) for one in found]
    if sort in SORTS and sort != "name":
        listed.sort(key=lambda row: getattr(row.numbers, sort), reverse=True)
    return listed


def stopped() -> dict[str, KillSwitch]:
    """Return the engaged switches for clients by the client's key."""
    rows = KillSwitch.objects.filter(scope=KillSwitch.Scope.CLIENT, released_at=None)
    return {switch.value: switch for switch in rows}


def switches_of(client: Client) -> list[KillSwitch]:
    """Return every switch a client was ever stopped with, newest first."""
    return list(
        KillSwitch.objects.filter(scope=KillSwitch.Scope.CLIENT, value=str(client.pk)).order_by(
            "-engaged_at"
        )[:TIMELINE_LENGTH]
    )


@dataclass(frozen=True)
class Done:
    """What was done for one client in 30 days, by day and by kind."""

    numbers: Numbers
    spark: SafeString
    kinds: list[tuple[str, int]]


def done_for(client: Client, leads_came: int) -> Done:
    """Count what was done for one client in 30 days, in two queries."""
    since = month_start()
    by_day = {
        day: (runs, usd)
        for day, runs, usd in Run.objects.filter(client=client, started_at__gte=since)
        .annotate(day=TruncDate("started_at", tzinfo=timezone.get_current_timezone()))
        .order_by()
        .values_list("day")
        .annotate(Count("pk"), Sum("cost_usd"))
    }
    kinds = list(
        Action.objects.filter(client=client, created_at__gte=since, status=Action.Status.DONE)
        .order_by()
        .values_list("kind")
        .annotate(n=Count("pk"))
        .order_by("-n")
    )
    numbers = Numbers(
        runs=sum(runs for runs, _ in by_day.values()),
        done=sum(count for _, count in kinds),
        leads=leads_came,
        usd=sum((usd for _, usd in by_day.values()), Decimal(0)),
    )
    days = [since.date() + dt.timedelta(days=n) for n in range(DAYS)]
    values = [by_day.get(day, (0, Decimal(0)))[1] for day in days] if by_day else []
    spark = charts.sparkline(values, title="Cost a day, 30 days", unit="$")
    return Done(numbers, spark, kinds[:KINDS_SHOWN])


def _numbers() -> dict[int, Numbers]:
    """Count by client, in three queries over 30 days."""
    since = month_start()
    runs = Run.objects.filter(started_at__gte=since, client__isnull=False).values("client")
    done = Action.objects.filter(
        created_at__gte=since, status=Action.Status.DONE, client__isnull=False
    )
    came = Lead.objects.filter(received_at__gte=since, client__isnull=False)
    found: dict[int, dict[str, Any]] = {}
    for row in (
        *runs.annotate(runs=Count("*"), usd=Sum("cost_usd")),
        *done.values("client").annotate(done=Count("*")),
        *came.values("client").annotate(leads=Count("*")),
    ):
        numbers = found.setdefault(row["client"], {})
        numbers.update((name, value) for name, value in row.items() if name != "client")
    return {key: Numbers(**values) for key, values in found.items()}


def newest_leads(client: Client) -> tuple[list[Lead], int]:
    """Return the client's newest leads, and how many came in 30 days, in one query."""
    recent = Lead.objects.filter(client=client, received_at__gte=month_start())
    count = recent.order_by().values(group=Value(1)).annotate(n=Count("pk")).values("n")
    found = list(
        Lead.objects.filter(client=client)
        .annotate(recent=Coalesce(Subquery(count), 0))
        .order_by("-received_at")[:LEADS_SHOWN]
    )
    return found, getattr(found[0], "recent", 0) if found else 0


def timeline(client: Client, switches: Iterable[KillSwitch]) -> timeline_of.Timeline:
    """Return what happened for a client, and before it was one; when it was stopped as well."""
    found = timeline_of.of_company(client=client, most=TIMELINE_LENGTH)
    stops = []
    for switch in switches:
        words = f"{switch.engaged_by} stopped everything for {client}"
        stops.append(leads.Entry(switch.engaged_at, words, "bad", detail=switch.reason))
        if switch.released_at:
            words = f"{switch.released_by} let {client} go on"
            stops.append(leads.Entry(switch.released_at, words, "accent"))
    if found.older:
        stops = [one for one in stops if one.at >= found.entries[-1].at]
    entries = sorted([*found.entries, *stops], key=lambda one: one.at, reverse=True)
    return replace(found, entries=entries)
