"""What the pages say about payments: what each is for, and how it stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.urls import reverse

from billing.models import Payment, PaymentEvent
from pipeline.models import Proposal
from pipeline.selling.won import PURPOSE

Status = Payment.Status

FILTERS = {
    "open": Q(status__in=[Status.OPEN, Status.EXPIRED]),
    "trouble": Q(status__in=[Status.FAILED, Status.UNKNOWN]),
    "paid": Q(status=Status.PAID),
}

WORDS = {"open": "To come", "trouble": "Needs a look", "paid": "Paid"}

TONES = {
    Status.OPEN: "accent",
    Status.PAID: "ok",
    Status.FAILED: "warn",
    Status.EXPIRED: "off",
    Status.UNKNOWN: "bad",
}

STRANGERS_SHOWN = 5


@dataclass(frozen=True)
class Row:
    """One payment of the list, and the page of what it is for."""

    payment: Payment
    href: str = ""

    @property
    def tone(self) -> str:
        """The meaning of its status."""
        return TONES[Status(self.payment.status)]

    @property
    def can_be_asked(self) -> bool:
        """Whether its provider may know more than we do."""
        return bool(self.payment.checkout_id) and self.payment.status != Status.PAID


def rows(wanted: str) -> QuerySet[Payment]:
    """Return the payments of a filter, or all."""
    found = Payment.objects.select_related("client")
    return found.filter(FILTERS[wanted]) if wanted else found


def filters() -> list[tuple[str, str, int]]:
    """Return each filter with its words and how many payments it has; one query."""
    counts = Payment.objects.aggregate(
        all=Count("pk"), **{name: Count("pk", filter=which) for name, which in FILTERS.items()}
    )
    named = [(name, WORDS[name], counts[name]) for name in FILTERS]
    return [("", "All", counts["all"]), *named]


def described(found: Sequence[Payment]) -> list[Row]:
    """Return the payments with the deal each is for, where it is for one; one query."""
    offers = [payment.reference for payment in found if payment.purpose == PURPOSE]
    deals = dict(Proposal.objects.filter(pk__in=offers).values_list("pk", "deal_id"))
    return [Row(payment, _href(deals.get(payment.reference))) for payment in found]


def _href(deal: UUID | None) -> str:
    return reverse("deal-detail", args=[deal]) if deal is not None else ""


def strangers() -> list[PaymentEvent]:
    """Return the newest events about payments that are none of ours."""
    found = PaymentEvent.objects.filter(result="No payment of ours")
    return list(found.order_by("-pk").defer("raw")[:STRANGERS_SHOWN])
