"""Money that is to come in: begun once for one thing, paid once, whoever says so how often.

The row is committed before the provider is asked for a page to pay on, and the provider knows it by
the payment's id and the number of the try: after a crash the same page is found again. What the
provider says later is `note`d, in any order; amounts are never taken from it, only compared.
"""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from agency import audit, clock, live
from agency.db import give_back_connections
from agency.models import AgencyProfile, AuditEntry
from billing.models import Payment
from control import alerts
from control.models import Alert
from integrations import mail
from integrations import payments as provider
from integrations.errors import ServiceError
from jobs import events, queue

Status = Payment.Status

SUCCEEDED, FAILED, REFUNDED = "payment.succeeded", "payment.failed", "payment.refunded"

WORKED_BY = "the payment provider"

CLOSE_PAGE = "billing.close_page"


class WrongWorld(ValueError):
    """It belongs to the sandbox while payments are real, or the other way round."""


class OtherAmount(ValueError):
    """There is a payment for this already, over another amount."""


@dataclass(frozen=True)
class Told:
    """What the provider says of a payment; amounts are in cents."""

    paid: bool = False
    failure: str = ""
    expired: bool = False
    amount: int | None = None
    currency: str = ""
    checkout_id: str = ""
    intent_id: str = ""


def begin(
    *,
    purpose: str,
    reference: UUID,
    amount_usd: Decimal,
    description: str,
    payer_email: str,
    world: str,
    return_url: str,
    cancel_url: str = "",
) -> Payment:
    """Return the payment for this purpose and reference, with the page to pay it on.

    The page leads to `return_url` when it was paid, and to `cancel_url` when not. Whoever asks
    again gets the same one, with a new page where the old one has run out.
    `checkout_url` is empty where it is paid by hand, and where it is paid. Never within a
    transaction: the provider is asked. Raises ServiceError, WrongWorld, OtherAmount.
    """
    payment = _row(
        purpose=purpose,
        reference=reference,
        amount_usd=amount_usd,
        description=description[:300],
        payer_email=payer_email,
        world=world,
    )
    if payment.checkout_id:
        payment = _look_again(payment)
    if payment.status in (Status.PAID, Status.UNKNOWN) or payment.provider == "hand":
        return payment
    if payment.checkout_id and payment.status != Status.EXPIRED:
        return _open_again(payment)
    ways = (return_url, cancel_url or return_url)
    payment = _next_try(payment)
    try:
        return _make_checkout(payment, *ways)
    except provider.OtherOrder:
        return _make_checkout(_next_try(payment, another=True), *ways)


def refresh(payment: Payment) -> Payment:
    """Ask the provider how a payment stands, and note what it says. Raises ServiceError.

    Nothing is asked about what is paid, or is not the provider's of now.
    """
    if payment.status == Status.PAID or not _is_asked(payment):
        return payment
    Payment.objects.filter(pk=payment.pk).update(asked_at=clock.wall())
    give_back_connections()
    told = _asked(payment.checkout_id)
    if told.paid or told.expired:
        note(payment.pk, told)
    payment.refresh_from_db()
    return payment


def _asked(checkout_id: str) -> Told:
    try:
        found = provider.retrieve(checkout_id)
    except provider.NoSuchCheckout:
        return Told(expired=True, checkout_id=checkout_id)
    return Told(
        paid=found.paid,
        expired=found.status == "expired",
        amount=found.amount,
        currency=found.currency,
        checkout_id=checkout_id,
        intent_id=found.intent_id,
    )


def mark_paid(payment: Payment, *, by: str) -> bool:
    """Note that a person saw the money come in; False if it was paid already."""
    with transaction.atomic():
        row = _lock(payment.pk)
        if row.status == Status.PAID:
            return False
        _succeed(row, intent_id="")
        audit.record(
            "payment.marked_paid",
            f"{by} marked {row} as paid",
            actor=by,
            actor_kind=AuditEntry.ActorKind.USER,
            obj=row,
            client=row.client,
        )
        if row.checkout_id:
            queue.enqueue(CLOSE_PAGE, {"payment": str(row.pk)}, client=row.client, subject=row)
    payment.refresh_from_db()
    return True


def close_page(payment: Payment) -> None:
    """See to it that what was paid by hand is not paid again on its page. Raises ServiceError."""
    if payment.status != Status.PAID or payment.intent_id or not _is_asked(payment):
        return
    give_back_connections()
    if provider.retrieve(payment.checkout_id).status == "open":
        provider.expire(payment.checkout_id)


def note(pk: UUID, told: Told) -> str:
    """Write down what the provider says of a payment, in any order; return what became of it."""
    with transaction.atomic():
        row = _lock(pk)
        if told.paid:
            return _note_paid(row, told)
        if told.expired:
            return _note_expired(row, told)
        if told.failure:
            return _note_failure(row, told)
    return "Nothing to note"


def note_refund(pk: UUID, refunded: int) -> str:
    """Write down how much of a payment was given back in all, in cents."""
    with transaction.atomic():
        row = _lock(pk)
        amount = Decimal(refunded) / 100
        if amount <= row.refunded_usd:
            return "The refund is known"
        row.refunded_usd = amount
        row.save(update_fields=["refunded_usd"])
        sentence = f"{amount} USD of {row} went back"
        audit.record("payment.refunded", sentence, actor=WORKED_BY, obj=row, client=row.client)
        alerts.raise_alert(
            f"payment:{row.pk}:refunded",
            f"Given back: {amount} USD of {row.amount_usd} USD",
            body=f"{row.description}. Contract and subscription are as they were.",
            url="/payments/",
        )
        events.emit(REFUNDED, subject=row, client=row.client, data={"usd": str(amount)})
        _show(row)
    return f"{amount} USD went back"


def how(payment: Payment) -> str:
    """Return how a payment without a page is paid, as its payer reads it."""
    profile = AgencyProfile.load()
    who = profile.reply_to or profile.sender_email
    return (
        f"{profile.name} takes this payment by bank transfer: {profile.sender_name} writes to you"
        f" with the details. Questions? {who}"
    )


def _row(*, purpose: str, reference: UUID, amount_usd: Decimal, **fields: str) -> Payment:
    """Return the payment's row, made before anybody is asked for anything."""
    if fields["world"] != mail.world():
        raise WrongWorld(f"a {fields['world']} payment while money is {mail.world()}")
    now = provider.provider()
    with transaction.atomic():
        payment, made = Payment.objects.select_for_update(of=("self",)).get_or_create(
            purpose=purpose,
            reference=reference,
            defaults={"amount_usd": amount_usd, "provider": now.name, **fields},
        )
        if payment.amount_usd != amount_usd:
            raise OtherAmount(f"{payment} was begun; it cannot become {amount_usd} USD")
        if payment.status != Status.PAID and payment.provider != now.name:
            payment.provider, payment.checkout_id, payment.checkout_url = now.name, "", ""
            payment.status, payment.tries = Status.OPEN, payment.tries + 1
            payment.save()
            made = True
        if made:
            audit.record("payment.begun", f"To be paid: {payment}", actor="the house", obj=payment)
            _show(payment)
            if payment.provider == "hand":
                _ask_operator(payment)
    return payment


def _ask_operator(payment: Payment) -> None:
    alerts.raise_alert(
        f"payment:{payment.pk}:hand",
        f"Take a payment by hand: {payment.amount_usd} USD from {payment.payer_email}",
        body=f"{payment.description}. Mark it paid when the money is there.",
        url="/payments/",
    )


def _is_asked(payment: Payment) -> bool:
    now = provider.provider().name
    return bool(payment.checkout_id) and payment.provider == now and now != "hand"


def _look_again(payment: Payment) -> Payment:
    """Ask how its page stands; while nobody answers it may still be good."""
    try:
        return refresh(payment)
    except ServiceError as error:
        if error.permanent:
            raise
        return payment


def _open_again(payment: Payment) -> Payment:
    """A card was declined: the same page takes another one."""
    Payment.objects.filter(pk=payment.pk, status=Status.FAILED).update(status=Status.OPEN)
    payment.refresh_from_db()
    return payment


def _next_try(payment: Payment, *, another: bool = False) -> Payment:
    """Count the page about to be asked for; of two at once both are at the same try.

    With `another` the last one counts as made, though nobody kept its page.
    """
    with transaction.atomic():
        row = _lock(payment.pk)
        if row.checkout_id == payment.checkout_id and row.status != Status.PAID:
            if row.checkout_id or not row.tries or (another and row.tries == payment.tries):
                row.tries += 1
            row.checkout_id, row.checkout_url, row.status = "", "", Status.OPEN
            row.save(update_fields=["tries", "checkout_id", "checkout_url", "status"])
    return row


def _make_checkout(payment: Payment, return_url: str, cancel_url: str) -> Payment:
    if payment.checkout_id or payment.status == Status.PAID:
        return payment
    order = provider.Order(
        payment_id=str(payment.pk),
        attempt=payment.tries,
        amount_usd=payment.amount_usd,
        description=payment.description,
        payer_email=payment.payer_email,
        return_url=return_url,
        cancel_url=cancel_url,
    )
    give_back_connections()
    found = provider.create_checkout(order)
    with transaction.atomic():
        Payment.objects.filter(pk=payment.pk, tries=payment.tries, checkout_id="").update(
            checkout_id=found.id, checkout_url=found.url
        )
    payment.refresh_from_db()
    return payment


def _note_paid(row: Payment, told: Told) -> str:
    if row.status == Status.PAID:
        if told.intent_id and told.intent_id != row.intent_id:
            return _note_again(row, told)
        return "It was paid already"
    cents = provider.cents(row.amount_usd)
    if (told.amount, told.currency) != (cents, row.currency):
        return _note_other_amount(row, told)
    _succeed(row, intent_id=told.intent_id)
    audit.record("payment.succeeded", f"Paid: {row}", actor=WORKED_BY, obj=row, client=row.client)
    return "Paid"


def _note_again(row: Payment, told: Told) -> str:
    """The money came twice, unless nobody has named the first payment yet."""
    by_hand = (
        not row.intent_id
        and AuditEntry.objects.filter(
            verb="payment.marked_paid", object_type=row._meta.label_lower, object_id=str(row.pk)
        ).exists()
    )
    if not row.intent_id:
        row.intent_id = told.intent_id
        row.save(update_fields=["intent_id"])
        if not by_hand:
            return "It was paid already"
    alerts.raise_alert(
        f"payment:{row.pk}:twice:{told.intent_id}",
        f"Paid twice: {row.amount_usd} USD",
        body=f"{row.description}. The provider’s second payment is {told.intent_id}; give it back.",
        severity=Alert.Severity.CRITICAL,
        url="/payments/",
    )
    return "Paid twice"


def _note_other_amount(row: Payment, told: Told) -> str:
    amount = "an amount it did not name" if told.amount is None else f"{told.amount / 100:.2f}"
    said = f"The provider says {amount} {told.currency.upper()}, it was {row.amount_usd} USD"
    row.status, row.failure = Status.UNKNOWN, said[:300]
    row.intent_id = told.intent_id or row.intent_id
    row.save(update_fields=["status", "failure", "intent_id"])
    alerts.raise_alert(
        f"payment:{row.pk}:amount",
        f"A payment of another amount: {row}"[:200],
        body=f"{said}. Nothing was counted as paid: look at {told.intent_id or told.checkout_id}.",
        severity=Alert.Severity.CRITICAL,
        url="/payments/",
    )
    _show(row)
    return said


def _note_expired(row: Payment, told: Told) -> str:
    if told.checkout_id != row.checkout_id or row.status not in (Status.OPEN, Status.FAILED):
        return "A page that is not used any more has run out"
    row.status = Status.EXPIRED
    row.save(update_fields=["status"])
    _show(row)
    return "Its page has run out"


def _note_failure(row: Payment, told: Told) -> str:
    old = told.checkout_id and told.checkout_id != row.checkout_id
    if old or row.status not in (Status.OPEN, Status.FAILED):
        return "It failed before, or on a page that is not used any more"
    was, row.status, row.failure = row.status, Status.FAILED, told.failure[:300]
    row.save(update_fields=["status", "failure"])
    if was == Status.OPEN:
        sentence = f"Declined: {row}: {row.failure}"
        audit.record("payment.failed", sentence, actor=WORKED_BY, obj=row, client=row.client)
        events.emit(FAILED, subject=row, client=row.client, data=_data(row))
    _show(row)
    return "Declined"


def _succeed(row: Payment, *, intent_id: str) -> None:
    row.status, row.paid_at, row.failure = Status.PAID, clock.wall(), ""
    row.intent_id = intent_id or row.intent_id
    row.save(update_fields=["status", "paid_at", "failure", "intent_id"])
    events.emit(SUCCEEDED, subject=row, client=row.client, data=_data(row))
    _show(row)


def _lock(pk: UUID) -> Payment:
    return Payment.objects.select_for_update(of=("self",), no_key=True).get(pk=pk)


def _data(row: Payment) -> dict[str, str]:
    return {"purpose": row.purpose, "reference": str(row.reference)}


def _show(row: Payment) -> None:
    live.broadcast("payments", f"payment:{row.pk}")


for _name in (SUCCEEDED, FAILED, REFUNDED):
    events.comes_from(_name, "payment provider")
