"""The daily digest: what is open, what waits, what gave up, and the audit trail's last seal."""

import datetime as dt
import zoneinfo

from django.conf import settings
from django.db.models import Count
from django.utils import timezone

from agency import seals
from agency.models import AgencyProfile
from control import notices
from control.models import Action, Alert, AlertQuerySet, Notice
from jobs import registry
from jobs.lease import Lease
from jobs.models import Job, Lane

LOCAL_HOUR = 8
LISTED = 15
GAVE_UP_WITHIN = dt.timedelta(hours=24)
WAITING = (Action.Status.WAITING, Action.Status.HELD, Action.Status.UNKNOWN)


def queue_digest(now: dt.datetime) -> bool:
    """Queue today's digest once it is 8 in the operator's zone, once a local day."""
    profile = AgencyProfile.load()
    local = now.astimezone(zoneinfo.ZoneInfo(profile.timezone))
    key = f"digest:{local.date()}"
    if local.hour < LOCAL_HOUR or Notice.objects.filter(key=key).exists():
        return False
    return notices.queue_notice(
        key,
        Notice.Channel.MAIL,
        subject=f"{profile.name}: {local:%A}, {_several(_open().count(), 'alert')},"
        f" {_several(_waiting(), 'approval')}",
        text="\n\n".join([_alerts(), _rest(now), _seal()]),
        url=settings.PUBLIC_URL,
        now=now,
    )


def _several(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _open() -> AlertQuerySet:
    return Alert.objects.unacknowledged()


def _alerts() -> str:
    found = list(_open().gravest_first()[: LISTED + 1])
    if not found:
        return "No open alerts."
    lines = [
        f"- [{alert.severity}] {alert.title}" + (f" × {alert.count}" if alert.count > 1 else "")
        for alert in found[:LISTED]
    ]
    if len(found) > LISTED:
        lines.append(f"- and more: {settings.PUBLIC_URL}/alerts/")
    return "\n".join(["Open alerts:", *lines])


def _waiting() -> int:
    return Action.objects.filter(status__in=WAITING).count()


def _rest(now: dt.datetime) -> str:
    gave_up = Job.objects.filter(
        status=Job.Status.DISCARDED, finished_at__gt=now - GAVE_UP_WITHIN
    ).order_by()
    kinds = gave_up.values_list("kind").annotate(n=Count("pk")).order_by("-n", "kind")
    listed = ", ".join(f"{kind} × {n}" for kind, n in kinds) or "none"
    return f"Approvals that wait for you: {_waiting()}\nJobs that gave up in 24 hours: {listed}"


def _seal() -> str:
    """Write the last seal down outside the database, where nobody can change it with the rest."""
    head = seals.head()
    return f"Audit trail sealed up to: {head}" if head else "Audit trail: nothing sealed yet"


@registry.register("control.daily_digest", lane=Lane.FAST, short=True)
def daily_digest(job: Job, lease: Lease) -> None:
    """Queue the digest of the day when it is time."""
    queue_digest(timezone.now())


registry.every(60, "control.daily_digest")
