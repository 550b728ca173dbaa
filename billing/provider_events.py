"""What a payment provider tells us by webhook: verified, kept as it came and once, then worked.

The provider is answered as soon as it is kept. Events come twice and in any order: what they say is
noted on the payment by what it means, never by when it came.
"""

from dataclasses import replace
from uuid import UUID

from django.db import transaction

from agency import clock
from billing import payments
from billing.models import Payment, PaymentEvent
from billing.payments import Told
from control import alerts
from integrations import payments as provider
from integrations.payments import ProviderEvent
from jobs import queue, registry
from jobs.lease import Lease
from jobs.models import Job, Lane

WORK = "billing.work_event"

DECLINED = "The card was declined."
OURS = ("checkout.session.", "payment_intent.", "charge.")


def take_in(payload: bytes, header: str) -> bool:
    """Keep a posted event and the job to work it, in one commit; False if it was known.

    Raises BadEvent.
    """
    event = provider.read_event(payload, header)
    with transaction.atomic():
        made = PaymentEvent.objects.bulk_create(
            [
                PaymentEvent(
                    provider=provider.provider().name,
                    event_id=event.id,
                    type=event.type,
                    raw=payload,
                    happened_at=event.at,
                )
            ],
            ignore_conflicts=True,
        )
        row = PaymentEvent.objects.get(provider=made[0].provider, event_id=event.id)
        fresh = row.worked_at is None
        if fresh:
            queue.enqueue(WORK, {"event": row.pk}, unique_key=f"payment-event:{row.pk}")
    return fresh


@registry.register(WORK, lane=Lane.FAST, short=True)
def work(job: Job, lease: Lease) -> None:
    """Note on its payment what an event says, once."""
    row = PaymentEvent.objects.select_for_update().get(pk=job.payload["event"])
    if row.worked_at is not None:
        return
    event = provider.parse_event(bytes(row.raw))
    payment = find(event)
    if payment is not None:
        row.result = _note(payment, event)[:300]
    elif event.type.startswith(OURS):
        row.result = "No payment of ours"
        alerts.raise_alert(
            f"payment-event:stranger:{event.checkout_id or event.intent_id}",
            "A payment that nobody here asked for",
            body=f"{event.type} {event.id} names no payment of ours. Another program may use the"
            " same account of the provider.",
            url="/payments/",
        )
    else:
        row.result = "Not needed"
    row.worked_at = clock.wall()
    row.save(update_fields=["result", "worked_at"])


def find(event: ProviderEvent) -> Payment | None:
    """Return the payment an event is about: by our own id in it, else by the provider's."""
    try:
        found = Payment.objects.filter(pk=UUID(event.payment_id)).first()
    except ValueError:
        found = None
    if found is None and event.checkout_id:
        found = Payment.objects.filter(checkout_id=event.checkout_id).first()
    if found is None and event.intent_id:
        found = Payment.objects.filter(intent_id=event.intent_id).first()
    return found


def _note(payment: Payment, event: ProviderEvent) -> str:
    if event.type in ("charge.refunded", "charge.refund.updated"):
        return payments.note_refund(payment.pk, event.refunded or 0)
    told = _told(event)
    return payments.note(payment.pk, told) if told is not None else "Not needed"


def _told(event: ProviderEvent) -> Told | None:
    """Return what an event means; None for what is only on the way there."""
    about = Told(
        amount=event.amount,
        currency=event.currency,
        checkout_id=event.checkout_id,
        intent_id=event.intent_id,
    )
    if event.type in ("checkout.session.completed", "checkout.session.async_payment_succeeded"):
        # A transfer that is still under way completes the session unpaid.
        if not event.paid:
            return None
        return replace(about, paid=True)
    if event.type == "payment_intent.succeeded":
        return replace(about, paid=True)
    if event.type == "checkout.session.expired":
        return replace(about, expired=True)
    if event.type in ("payment_intent.payment_failed", "checkout.session.async_payment_failed"):
        return replace(about, failure=event.failure or DECLINED)
    return None
