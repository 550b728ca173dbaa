"""The operator's own time: how long they looked at what they decided."""

import datetime as dt

from django.db.models import QuerySet, Sum
from django.utils import timezone

from control import kinds
from control.models import Decision


def this_week() -> list[tuple[str, float]]:
    """Return (kind of work, minutes) since Monday in the operator's zone, the most first.

    Decisions made without scripts have no time and are not counted.
    """
    rows = (
        _looked(start_of_week())
        .values("action__agent", "action__kind")
        .annotate(seconds_in_all=Sum("seconds"))
    )
    found = [
        (_work(row["action__agent"], row["action__kind"]), row["seconds_in_all"] / 60)
        for row in rows
    ]
    return sorted(found, key=lambda one: (-one[1], one[0]))


def total_minutes(since: dt.datetime) -> float:
    """Return the minutes spent on decisions since then."""
    return (_looked(since).aggregate(total=Sum("seconds"))["total"] or 0) / 60


def start_of_week() -> dt.datetime:
    """Return Monday, 0:00, in the operator's zone."""
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    monday = today.date() - dt.timedelta(days=today.weekday())
    return dt.datetime.combine(monday, dt.time(), tzinfo=timezone.get_current_timezone())


def _looked(since: dt.datetime) -> QuerySet[Decision]:
    return Decision.objects.filter(created_at__gte=since, seconds__isnull=False)


def _work(agent: str, kind: str) -> str:
    """Return the words for an agent's actions of one kind: “Qualifier: replies”."""
    label = kinds.get(kind).label if kind in kinds.names() else kind.replace("_", " ")
    return f"{agent.capitalize()}: {label.lower()}"
