"""Alerts: one open row per cause, counted while it goes on, in the app and by mail."""

import uuid

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from agency import audit, live
from agency.models import AgencyProfile, AuditEntry
from control.models import Alert
from integrations import mail
from integrations.errors import OutcomeUnknown, ServiceError
from jobs import events, queue, registry
from jobs.lease import Lease
from jobs.models import Event, Job, Lane


def raise_alert(
    key: str, title: str, *, body: str = "", severity: str = Alert.Severity.WARNING, url: str = ""
) -> Alert:
    """Open an alert under `key`, or count it once more if it is open. The first one is mailed."""
    now = timezone.now()
    with transaction.atomic():
        alert, created = Alert.objects.get_or_create(
            dedupe_key=key,
            acknowledged_at=None,
            defaults={
                "severity": severity,
                "title": title[:200],
                "body": body,
                "url": url,
                "first_seen_at": now,
                "last_seen_at": now,
            },
        )
        if created:
            queue.enqueue(
                "control.mail_alert", {"alert_id": str(alert.pk)}, unique_key=f"alert:{alert.pk}"
            )
            audit.record("alert.opened", title, actor="the house", obj=alert)
        else:
            Alert.objects.filter(pk=alert.pk).update(
                count=F("count") + 1, last_seen_at=now, body=body or alert.body
            )
        live.broadcast("alerts", "status")
    return alert


def acknowledge(alert: Alert, *, by: str) -> bool:
    """Close the alert; return False if somebody else did first."""
    with transaction.atomic():
        won = (
            Alert.objects.filter(pk=alert.pk, acknowledged_at=None).update(
                acknowledged_at=timezone.now(), acknowledged_by=by
            )
            == 1
        )
        if won:
            audit.record(
                "alert.acknowledged",
                f"{by} acknowledged “{alert.title}”",
                actor=by,
                actor_kind=AuditEntry.ActorKind.USER,
                obj=alert,
            )
            live.broadcast("alerts", "status")
    return won


@registry.register("control.mail_alert", lane=Lane.FAST)
def mail_alert(job: Job, lease: Lease) -> None:
    """Mail an alert to the operator, at most once."""
    alert = Alert.objects.get(pk=job.payload["alert_id"])
    mine = Alert.objects.filter(pk=alert.pk, mailed_at=None).update(mailed_at=timezone.now())
    if not mine:
        return
    profile = AgencyProfile.load()
    domain = profile.sender_email.rpartition("@")[2]
    message = mail.Message(
        message_id=f"<alert-{alert.pk}@{domain}>",
        from_name="Command Center",
        from_email=profile.sender_email,
        to_name="",
        to_email=profile.operator_email,
        subject=f"[{alert.severity}] {alert.title}",
        text=f"{alert.title}\n\n{alert.body}\n",
        headers={"Auto-Submitted": "auto-generated"},
    )
    try:
        mail.send(message, before_data=lease.check)
    except OutcomeUnknown:
        return
    except ServiceError:
        Alert.objects.filter(pk=alert.pk).update(mailed_at=None)
        raise


@registry.register("control.alert_discarded", lane=Lane.FAST, short=True)
def alert_discarded(job: Job, lease: Lease) -> None:
    """Raise one alert per kind of job whose last attempt failed."""
    event = Event.objects.get(pk=uuid.UUID(job.payload["event_id"]))
    kind, error = event.data["kind"], event.data["error"]
    raise_alert(f"discarded:{kind}", f"A job gave up: {kind}", body=error)


events.subscribe("job.discarded", "control.alert_discarded")
