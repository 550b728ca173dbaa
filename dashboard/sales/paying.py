"""From a signature to the payment: where to send who signed, and what became of it."""

from dataclasses import dataclass

from billing import payments
from billing.models import Payment
from integrations.errors import OutcomeUnknown, ServiceError
from pipeline.models import Proposal
from pipeline.selling import documents, proposal_links

PURPOSE = "proposal"
NOT_NOW = (ServiceError, OutcomeUnknown)
NOT_HERE = (payments.WrongWorld, payments.OtherAmount)

UNREACHABLE = (
    "The payment page cannot be reached just now. Your signature is safe; please try again in a"
    " minute."
)

BY_HAND = (
    "This cannot be paid on a page just now. Your signature is safe; we write to you how to pay."
)


@dataclass(frozen=True)
class Paying:
    """Where a payment stands, in words for whoever pays."""

    state: str
    """none, open, waiting, hand, paid or failed."""
    said: str = ""

    @property
    def can_pay(self) -> bool:
        """Whether there is something to press."""
        return self.state in {"none", "open", "failed"}


def begin(proposal: Proposal) -> str:
    """Return the address of the page to pay a signed proposal on, or nothing without one.

    Raises what is in NOT_NOW and NOT_HERE.
    """
    if not documents.due(proposal):
        return ""
    back = proposal_links.url(proposal.pk)
    payment = payments.begin(
        purpose=PURPOSE,
        reference=proposal.pk,
        amount_usd=documents.due(proposal),
        description=f"{proposal.document['title']}: setup and first month",
        payer_email=proposal.signature.email,
        world=proposal.world,
        return_url=f"{back}?back=1",
        cancel_url=back,
    )
    return payment.checkout_url if payment.status != Payment.Status.PAID else ""


def stand(proposal: Proposal, *, came_back: bool) -> Paying:
    """Return where the payment of a signed proposal stands; nobody is told it is paid before."""
    if proposal.status == Proposal.Status.PAID or not documents.due(proposal):
        return Paying("paid")
    payment = Payment.objects.filter(purpose=PURPOSE, reference=proposal.pk).first()
    if payment is None:
        return Paying("none")
    status = Payment.Status(payment.status)
    if status == Payment.Status.PAID:
        return Paying("paid")
    if status == Payment.Status.FAILED:
        return Paying("failed", payment.failure or "The payment was declined.")
    if status == Payment.Status.EXPIRED:
        return Paying("failed", "The payment page lapsed before it was paid.")
    if payment.provider == "hand":
        return Paying("hand")
    return Paying("waiting" if came_back or status == Payment.Status.UNKNOWN else "open")
