"""Telling the operator: when, over which channel, and each message at most once."""

import datetime as dt
import zoneinfo
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from agency import audit, live
from agency.models import AgencyProfile
from control.models import Alert, Notice
from integrations import mail, notify
from integrations.errors import OutcomeUnknown, ServiceError
from jobs import queue, registry
from jobs.lease import Lease, LeaseLost
from jobs.models import Job, Lane

SEND = "control.send_notice"
ATTEMPTS = 10  # over some 17 minutes

# From one notice to the next while nobody acknowledges; the last step repeats.
AGAIN = {
    Alert.Severity.CRITICAL: (
        dt.timedelta(minutes=15),
        dt.timedelta(hours=1),
        dt.timedelta(hours=4),
    ),
    Alert.Severity.WARNING: (dt.timedelta(hours=4), dt.timedelta(days=1)),
    Alert.Severity.INFO: (),
}
ESCALATES_AT = 3
"""The third notice makes a warning critical and goes to the escalation address too."""

STORM_KEY = "alerts.storm"
STORM_NOTICES = 30
STORM_WINDOW = dt.timedelta(hours=1)
"""More alerts than that in this time: the rest wait as long, and one alert says so."""

CHANNEL_KEY = "notices."
DUE_AT_ONCE = 200


class Dropped(Exception):
    """It need not be sent any more."""


@dataclass(frozen=True)
class Health:
    """How the last message over a channel ended."""

    channel: Notice.Channel
    last: Notice

    @property
    def works(self) -> bool:
        return self.last.status == Notice.Status.SENT


def channels(alert: Alert) -> list[Notice.Channel]:
    """Return where an alert goes. That a channel fails is told over the others."""
    found = [Notice.Channel.MAIL]
    if notify.is_configured() and alert.severity != Alert.Severity.INFO:
        found.append(Notice.Channel.WEBHOOK)
    if settings.ALERT_ESCALATION_EMAIL and alert.escalated_at is not None:
        found.append(Notice.Channel.ESCALATION)
    return [channel for channel in found if alert.dedupe_key != CHANNEL_KEY + channel]


def tell(alert: Alert, now: dt.datetime) -> bool:
    """Queue the alert's next notices and set when the one after is due.

    Return False when too many went out just before: this one waits. Somebody else who tells it at
    the same time, or acknowledges it, wins; then nothing is queued here.
    """
    if _crowded(alert, now):
        _swap(alert, next_notify_at=now + STORM_WINDOW)
        return False
    since = alert.count - alert.count_when_told
    escalates = _escalates(alert)
    with transaction.atomic():
        if not _swap(alert, **_once_more(alert, now, escalates=escalates)):
            return True
        alert.refresh_from_db()
        if escalates:
            audit.record(
                "alert.escalated",
                f"Nobody acknowledged “{alert.title}”, so it was escalated",
                actor="the house",
                obj=alert,
            )
        for channel in channels(alert):
            _queue_for(alert, channel, since, now)
        live.broadcast("alerts", "status")
    return True


def _escalates(alert: Alert) -> bool:
    fresh = alert.escalated_at is None and alert.severity != Alert.Severity.INFO
    return fresh and alert.notified_count + 1 >= ESCALATES_AT


def _once_more(alert: Alert, now: dt.datetime, *, escalates: bool) -> dict[str, object]:
    """Return what changes on an alert that is told now."""
    severity = Alert.Severity.CRITICAL if escalates else Alert.Severity(alert.severity)
    steps = AGAIN[severity]
    again = now + steps[min(alert.notified_count, len(steps) - 1)] if steps else None
    fields: dict[str, object] = {
        "notified_count": alert.notified_count + 1,
        "count_when_told": F("count"),
        "next_notify_at": again,
        "severity": severity,
    }
    return fields | ({"escalated_at": now} if escalates else {})


@transaction.atomic
def tell_due(now: dt.datetime) -> None:
    """Tell the operator again of what nobody acknowledged, the gravest first."""
    due = Alert.objects.unacknowledged().filter(next_notify_at__lte=now).gravest_first()
    for alert in due.select_for_update(skip_locked=True)[:DUE_AT_ONCE]:
        tell(alert, now)


def queue_notice(
    key: str,
    channel: Notice.Channel,
    *,
    subject: str,
    text: str,
    now: dt.datetime,
    url: str = "",
    alert: Alert | None = None,
) -> bool:
    """Queue one message to the operator; return False if `key` was queued before, ever."""
    # A header cannot hold a line break, and a title may come from an error.
    line = " ".join("".join(c if c.isprintable() else " " for c in subject).split())
    with transaction.atomic():
        notice, fresh = Notice.objects.get_or_create(
            key=key,
            defaults={
                "alert": alert,
                "channel": channel,
                "subject": line[:300],
                "text": text,
                "url": url,
                "created_at": now,
            },
        )
        if fresh:
            queue.enqueue(SEND, {"notice_id": notice.pk}, unique_key=f"notice:{notice.pk}")
    return fresh


def health() -> list[Health]:
    """Return how the last message over each channel in use ended, if there was any."""
    used = {
        Notice.Channel.MAIL: True,
        Notice.Channel.WEBHOOK: notify.is_configured(),
        Notice.Channel.ESCALATION: bool(settings.ALERT_ESCALATION_EMAIL),
    }
    told = (Notice.Status.SENT, Notice.Status.UNKNOWN, Notice.Status.FAILED)
    ended = Notice.objects.filter(
        status__in=told, channel__in=[channel for channel, on in used.items() if on]
    )
    last = ended.order_by("channel", "-ended_at", "-pk").distinct("channel")
    return [Health(Notice.Channel(notice.channel), notice) for notice in last]


def _swap(alert: Alert, **fields: object) -> bool:
    """Compare-and-swap on the notices told so far; False if it was told or acknowledged."""
    return (
        Alert.objects.unacknowledged()
        .filter(pk=alert.pk, notified_count=alert.notified_count)
        .update(**fields)
        == 1
    )


def _crowded(alert: Alert, now: dt.datetime) -> bool:
    if alert.dedupe_key == STORM_KEY:
        return False
    mailed = Notice.objects.filter(channel=Notice.Channel.MAIL, created_at__gt=now - STORM_WINDOW)
    return mailed.exclude(alert=None).count() >= STORM_NOTICES


def _queue_for(alert: Alert, channel: Notice.Channel, since: int, now: dt.datetime) -> None:
    state = f"{alert.severity}, escalated" if alert.escalated_at else alert.severity
    again = ""
    if alert.notified_count > 1:
        again = f" (still open, {since} more)" if since else " (still open)"
    lines = [alert.body] if alert.body else []
    if alert.count > 1:
        zone = zoneinfo.ZoneInfo(AgencyProfile.load().timezone)
        first = alert.first_seen_at.astimezone(zone)
        lines.append(f"{alert.count} times since {first:%Y-%m-%d %H:%M %Z}.")
    queue_notice(
        f"alert:{alert.pk}:{channel}:{alert.notified_count}",
        channel,
        subject=f"[{state}] {alert.title}{again}",
        text="\n\n".join(lines),
        url=settings.PUBLIC_URL + (alert.url or "/alerts/"),
        alert=alert,
        now=now,
    )


@registry.register(SEND, lane=Lane.FAST, max_attempts=ATTEMPTS)
def send_notice(job: Job, lease: Lease) -> None:
    """Hand one message over, at most once: in doubt it is noted as such and not repeated."""
    notice = Notice.objects.select_related("alert").get(pk=job.payload["notice_id"])
    if notice.status == Notice.Status.SENDING:
        _end(notice, Notice.Status.UNKNOWN, "it was being sent when its worker went away")
        return
    if _needless(notice) or not notice.advance(Notice.Status.QUEUED, Notice.Status.SENDING):
        return
    try:
        _hand_over(notice, lease)
    except LeaseLost:
        notice.advance(Notice.Status.SENDING, Notice.Status.QUEUED)
        raise
    except OutcomeUnknown as doubt:
        _end(notice, Notice.Status.UNKNOWN, str(doubt))
    except ServiceError as error:
        notice.advance(Notice.Status.SENDING, Notice.Status.QUEUED, error=str(error))
        if not isinstance(error, notify.TryLater) or job.attempt >= job.max_attempts:
            raise
        lease.settle(
            Job.Status.RETRYABLE, run_at=timezone.now() + dt.timedelta(seconds=error.seconds)
        )
    else:
        _end(notice, Notice.Status.SENT, "")


def give_up(notice_id: int, error: str) -> Notice | None:
    """Note that a message was not sent and will not be; None if that is not what happened."""
    notice = Notice.objects.get(pk=notice_id)
    if notice.status == Notice.Status.SENDING:
        _end(notice, Notice.Status.UNKNOWN, error)
        return None
    if notice.status != Notice.Status.QUEUED:
        return None
    _end(notice, Notice.Status.FAILED, notice.error or error)
    return notice


@registry.given_up(SEND)
def settle(jobs: list[Job], why: str) -> None:
    """Note what will not be sent because a person cancelled its job."""
    for job in jobs:
        give_up(job.payload["notice_id"], why)


def _needless(notice: Notice) -> bool:
    """Drop what the operator has seen to by now."""
    alert = notice.alert
    if alert is None or (alert.acknowledged_at is None and not alert.is_snoozed):
        return False
    if notice.advance(
        Notice.Status.QUEUED, Notice.Status.DROPPED, ended_at=timezone.now(), error=""
    ):
        live.broadcast("alerts")
    return True


def _end(notice: Notice, status: Notice.Status, error: str) -> None:
    Notice.objects.filter(pk=notice.pk).update(status=status, error=error, ended_at=timezone.now())
    live.broadcast("alerts", "settings")


def _hand_over(notice: Notice, lease: Lease) -> None:
    """Send it over its channel. Raises ServiceError, OutcomeUnknown, LeaseLost."""
    if notice.channel == Notice.Channel.WEBHOOK:
        lease.check()
        notify.send(notify.Post(title=notice.subject, text=notice.text, url=notice.url))
        return
    profile = AgencyProfile.load()
    recipient = profile.operator_email
    if notice.channel == Notice.Channel.ESCALATION:
        recipient = settings.ALERT_ESCALATION_EMAIL
    domain = profile.sender_email.rpartition("@")[2]
    thread = {"References": f"<alert-{notice.alert_id}@{domain}>"} if notice.alert_id else {}
    message = mail.Message(
        message_id=f"<notice-{notice.pk}@{domain}>",
        from_name="Command Center",
        from_email=profile.sender_email,
        to_name="",
        to_email=recipient,
        subject=notice.subject,
        text="\n\n".join(part for part in (notice.text, notice.url) if part),
        headers={"Auto-Submitted": "auto-generated", **thread},
    )
    mail.send(message, before_data=lease.check)
