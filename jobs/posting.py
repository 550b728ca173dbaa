"""Posting what is on its way to outgoing webhooks: tried again for a day, and never in a hurry.

A message may arrive twice, after a crash between the answer and our note of it, and later ones may
overtake it while it is tried again. It is the same message to the byte at each try, under the same
webhook-id, so that its receiver can tell.
"""

import datetime as dt
import random

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce

from agency import api_keys, clock, live
from agency.db import give_back_connections
from integrations import webhooks_out
from integrations.errors import ServiceError
from integrations.webhooks_out import Answer
from jobs import events, outgoing, registry
from jobs.lease import Lease
from jobs.models import Job, Lane, OutgoingDelivery, OutgoingEndpoint

AFTER = (
    dt.timedelta(seconds=5),
    dt.timedelta(minutes=5),
    dt.timedelta(minutes=30),
    dt.timedelta(hours=2),
    dt.timedelta(hours=5),
    dt.timedelta(hours=10),
    dt.timedelta(hours=10),
)
"""How long after a try the next one is made: eight in 28 hours."""

PATIENCE = dt.timedelta(days=5)
"""An endpoint that took nothing for so long is switched off."""

GONE = 410
TIDIED_AT_ONCE = 5_000
Status = OutgoingDelivery.Status


@registry.register(outgoing.KIND, lane=Lane.NORMAL)
def post_event(job: Job, lease: Lease) -> None:
    """Make one try, note what came of it, and see to the next."""
    delivery = OutgoingDelivery.objects.select_related("endpoint").get(
        pk=job.payload["delivery_id"]
    )
    mine = (Status.PENDING, job.payload["round"], job.payload["attempts"])
    if (delivery.status, delivery.round, delivery.attempts) != mine:
        return
    endpoint = delivery.endpoint
    if not endpoint.active and delivery.event != outgoing.TEST:
        _settle(delivery, Status.DROPPED)
        return
    now = clock.wall()
    secrets = outgoing.signing(endpoint, now)
    signed = webhooks_out.headers(delivery.webhook_id, delivery.body, secrets, now=now)
    lease.check()
    give_back_connections()
    answer, trouble = None, ""
    try:
        answer = webhooks_out.post(endpoint.url, delivery.body, signed)
    except ServiceError as error:
        trouble = str(error)
    with transaction.atomic():
        lease.check_row()
        _note(delivery, answer, trouble, job)
        lease.complete()


def _note(delivery: OutgoingDelivery, answer: Answer | None, trouble: str, job: Job) -> None:
    """Write down what came of a try; in the caller's transaction."""
    delivery.attempts += 1
    delivery.response_code = answer.status if answer else None
    delivery.response_start = answer.start if answer else ""
    delivery.took_ms = answer.took_ms if answer else None
    delivery.error = trouble[:500]
    endpoint = OutgoingEndpoint.objects.filter(pk=delivery.endpoint_id)
    if answer is not None and answer.took_it:
        endpoint.exclude(failing_since=None).update(failing_since=None)
        _settle(delivery, Status.DELIVERED)
        return
    endpoint.update(failing_since=Coalesce(F("failing_since"), clock.wall()))
    if answer is not None and answer.status == GONE:
        _switch_off(delivery, "It answered 410: gone for good.")
    else:
        _switch_off(delivery, "It took nothing for five days.", since=clock.wall() - PATIENCE)
    if delivery.attempts > len(AFTER) or delivery.event == outgoing.TEST:
        _give_up(delivery)
        return
    spread = random.uniform(0.9, 1.1)  # noqa: S311 - so that retries do not come all at once
    delivery.next_at = clock.wall() + AFTER[delivery.attempts - 1] * spread
    delivery.save()
    outgoing.due(delivery, client=job.client, run_at=delivery.next_at)
    live.broadcast(f"webhook:{delivery.endpoint_id}")


def _give_up(delivery: OutgoingDelivery) -> None:
    _settle(delivery, Status.FAILED)
    if delivery.event != outgoing.TEST:
        said = delivery.error or f"it answered {delivery.response_code}"
        data = {"endpoint": delivery.endpoint.name, "event": delivery.event, "why": said}
        events.emit("webhook.given_up", subject=delivery.endpoint, data=data)


def _switch_off(delivery: OutgoingDelivery, why: str, *, since: dt.datetime | None = None) -> None:
    found = OutgoingEndpoint.objects.filter(pk=delivery.endpoint_id, active=True)
    if since is not None:
        found = found.filter(failing_since__lte=since)
    if found.update(active=False, off_reason=why):
        data = {"endpoint": delivery.endpoint.name, "why": why}
        events.emit("webhook.disabled", subject=delivery.endpoint, data=data)
        live.broadcast("settings")


def _settle(delivery: OutgoingDelivery, status: Status) -> None:
    delivery.status, delivery.next_at = status, None
    delivery.finished_at = clock.wall()
    delivery.save()
    live.broadcast(f"webhook:{delivery.endpoint_id}")


@registry.given_up(outgoing.KIND)
def settle(jobs: list[Job], why: str) -> None:
    """A person cancelled these posts: they are not on their way any more."""
    keys = [job.payload["delivery_id"] for job in jobs]
    OutgoingDelivery.objects.filter(pk__in=keys, status=Status.PENDING).update(
        status=Status.DROPPED, next_at=None, finished_at=clock.wall(), error=why[:500]
    )


@registry.register("jobs.tidy_outgoing", lane=Lane.BULK, short=True)
def tidy(job: Job, lease: Lease) -> None:
    """Forget old posts, and the API's answers whose idempotency keys are over."""
    old = OutgoingDelivery.objects.filter(finished_at__lt=clock.wall() - outgoing.KEPT)
    keys = list(old.values_list("pk", flat=True)[:TIDIED_AT_ONCE])
    OutgoingDelivery.objects.filter(pk__in=keys).delete()
    api_keys.forget_answers()


registry.every(3600, "jobs.tidy_outgoing")
