"""Alerts: one open row per cause, counted while it goes on, until a person acknowledges it.

`notices` says when and over which channels the operator is told.
"""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterable
from urllib.parse import urlencode

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from agency import audit, live
from agency.models import AuditEntry
from control import notices
from control.models import GRAVITY, Alert, AlertRepeat, Notice
from jobs import events, registry
from jobs.causes import cause
from jobs.lease import Lease
from jobs.models import Event, Job, Lane

MOST_CAUSES = 20
"""So many causes of one kind of job have an alert each; what is left shares one."""

FOLD_AT_ONCE = 20_000


def raise_alert(
    key: str,
    title: str,
    *,
    body: str = "",
    severity: str = Alert.Severity.WARNING,
    url: str = "",
    times: int = 1,
) -> Alert:
    """Open an alert under `key`, or count it `times` more if it is open; a new one is told.

    Counting never waits: while another transaction has the row, it is written down beside it.
    """
    now = timezone.now()
    title, body = title.replace("\0", "")[:200], body.replace("\0", "")
    with transaction.atomic():
        alert, created = Alert.objects.get_or_create(
            dedupe_key=key[:200],
            acknowledged_at=None,
            defaults={
                "severity": severity,
                "title": title,
                "body": body,
                "url": url,
                "count": times,
                "first_seen_at": now,
                "last_seen_at": now,
            },
        )
        if created:
            audit.record("alert.opened", title, actor="the house", obj=alert)
            if not notices.tell(alert, now):
                _storm()
        elif not _count(alert, body, severity, times, now):
            _write_down(key, title, body, severity, url, times)
        live.broadcast("alerts", "status")
    return alert


def report(key: str, title: str, *, body: str, url: str = "") -> None:
    """Raise a warning that thousands may raise at once: opening it does not wait either.

    Two batches that meet two causes in two orders would otherwise wait for each other in a circle.
    """
    with transaction.atomic():
        if _alone(key):
            raise_alert(key, title, body=body, url=url)
        else:
            _write_down(key, title, body, Alert.Severity.WARNING, url)


def acknowledge(alert: Alert, *, by: str) -> bool:
    """Close the alert; return False if somebody else did first."""
    with transaction.atomic():
        won = (
            Alert.objects.unacknowledged()
            .filter(pk=alert.pk)
            .update(acknowledged_at=timezone.now(), acknowledged_by=by, next_notify_at=None)
            == 1
        )
        if won:
            _record("alert.acknowledged", f"{by} acknowledged “{alert.title}”", alert, by)
    return won


def acknowledge_all(found: Iterable[Alert], *, by: str) -> int:
    """Close each of them, and return how many this was.

    One transaction each: it never holds one row while it waits for another.
    """
    return sum(acknowledge(alert, by=by) for alert in found)


def snooze(alert: Alert, *, until: dt.datetime, by: str) -> bool:
    """Put the alert out of sight until then, when the operator is told again; False if closed."""
    with transaction.atomic():
        won = (
            Alert.objects.unacknowledged()
            .filter(pk=alert.pk)
            .update(snoozed_until=until, next_notify_at=until)
            == 1
        )
        if won:
            when = f"{timezone.localtime(until):%Y-%m-%d %H:%M %Z}"
            _record("alert.snoozed", f"{by} put off “{alert.title}” until {when}", alert, by)
    return won


def wake(alert: Alert, *, by: str) -> bool:
    """Bring a snoozed alert back into sight; False if it is closed or in sight."""
    now = timezone.now()
    with transaction.atomic():
        won = (
            Alert.objects.put_off()
            .filter(pk=alert.pk)
            .update(snoozed_until=None, next_notify_at=_next(alert, now))
            == 1
        )
        if won:
            _record("alert.woken", f"{by} brought back “{alert.title}”", alert, by)
    return won


def _next(alert: Alert, now: dt.datetime) -> dt.datetime | None:
    steps = notices.AGAIN[Alert.Severity(alert.severity)]
    return now + steps[min(max(alert.notified_count - 1, 0), len(steps) - 1)] if steps else None


def _record(verb: str, sentence: str, alert: Alert, by: str) -> None:
    audit.record(verb, sentence, actor=by, actor_kind=AuditEntry.ActorKind.USER, obj=alert)
    live.broadcast("alerts", "status")


def _count(alert: Alert, body: str, severity: str, times: int, now: dt.datetime) -> bool:
    """Count a repeat on the row; False if another transaction has it just now."""
    free = Alert.objects.unacknowledged().filter(pk=alert.pk).select_for_update(skip_locked=True)
    if not free.exists():
        return False
    graver = GRAVITY.index(Alert.Severity(severity)) > GRAVITY.index(Alert.Severity(alert.severity))
    fields: dict[str, object] = {"severity": severity} if graver else {}
    if graver:
        fields |= {"snoozed_until": None, "next_notify_at": now}
    Alert.objects.filter(pk=alert.pk).update(
        count=F("count") + times, last_seen_at=now, body=body or alert.body, **fields
    )
    return True


def _write_down(key: str, title: str, body: str, severity: str, url: str, times: int = 1) -> None:
    AlertRepeat.objects.create(
        dedupe_key=key[:200],
        severity=severity,
        title=title,
        body=body,
        url=url,
        times=times,
        seen_at=timezone.now(),
    )


@transaction.atomic
def fold() -> int:
    """Count what was written down while rows were busy; return how many rows that were."""
    written = AlertRepeat.objects.order_by("pk").select_for_update(skip_locked=True)
    by_key: dict[str, list[AlertRepeat]] = defaultdict(list)
    for repeat in written[:FOLD_AT_ONCE]:
        by_key[repeat.dedupe_key].append(repeat)
    for key, repeats in by_key.items():
        last = repeats[-1]
        raise_alert(
            key,
            last.title,
            body=last.body,
            severity=max((repeat.severity for repeat in repeats), key=GRAVITY.index),
            url=last.url,
            times=sum(repeat.times for repeat in repeats),
        )
    gone = [repeat.pk for repeats in by_key.values() for repeat in repeats]
    AlertRepeat.objects.filter(pk__in=gone).delete()
    return len(gone)


@registry.register("control.notify_alerts", lane=Lane.FAST, short=True)
def notify_alerts(job: Job, lease: Lease) -> None:
    """Tell the operator again of alerts nobody acknowledged."""
    fold()
    notices.tell_due(timezone.now())


registry.every(30, "control.notify_alerts")


@registry.register("control.alert_discarded", lane=Lane.FAST, short=True)
def alert_discarded(job: Job, lease: Lease) -> None:
    """Raise one alert per kind of job and cause of its last failure."""
    event = Event.objects.get(pk=uuid.UUID(job.payload["event_id"]))
    kind, error = event.data["kind"], event.data["error"]
    if kind == notices.SEND:
        _channel_failed(event, error)
        return
    url = f"/jobs/?{urlencode({'status': 'discarded', 'kind': kind})}"
    report(_key(kind, cause(error)), f"A job gave up: {kind}", body=error, url=url)


def _key(kind: str, about: str) -> str:
    """Return what failures of this kind and cause are grouped under."""
    key = f"discarded:{kind}:{about}"
    of_kind = Alert.objects.unacknowledged().filter(dedupe_key__startswith=f"discarded:{kind}:")
    known = set(of_kind.values_list("dedupe_key", flat=True)[: MOST_CAUSES + 1])
    return key if key in known or len(known) < MOST_CAUSES else f"discarded:{kind}:others"


def _alone(key: str) -> bool:
    """Return whether no other transaction is at this key; it is ours until this one ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [key])
        return bool(cursor.fetchone()[0])


def _channel_failed(event: Event, error: str) -> None:
    """Say over the other channels that this one does not work."""
    failed = Job.objects.filter(pk=event.subject_id).first()
    notice = notices.give_up(failed.payload["notice_id"], error) if failed else None
    if notice is None:
        return
    channel = Notice.Channel(notice.channel)
    raise_alert(
        f"{notices.CHANNEL_KEY}{channel}",
        f"Alerts do not arrive: {channel.label.lower()}",
        body=notice.error,
        url="/settings/#parts",
    )


def _storm() -> None:
    raise_alert(
        notices.STORM_KEY,
        "Many alerts at once",
        body=f"More than {notices.STORM_NOTICES} in an hour. Further ones are not sent one by one"
        " for now; all of them stand on the alerts page.",
        severity=Alert.Severity.CRITICAL,
        url="/alerts/",
    )


events.subscribe("job.discarded", "control.alert_discarded")
