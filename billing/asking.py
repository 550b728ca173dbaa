"""Asking the provider about pages nobody told us the end of: a webhook can be lost."""

import datetime as dt
from uuid import UUID

from django.db.models import F

from agency import clock
from billing import payments
from billing.models import Payment
from integrations import payments as provider
from integrations.errors import ServiceError
from jobs import registry
from jobs.lease import Lease
from jobs.models import Job, Lane

ASK = "billing.ask_about_payments"
EVERY_SECONDS = 30
PATIENCE = dt.timedelta(minutes=1)
AT_ONCE = 50


@registry.register(ASK, lane=Lane.NORMAL, max_attempts=1)
def ask(job: Job, lease: Lease) -> None:
    """Ask about open pages that were quiet for a minute, the longest quiet first."""
    name = provider.provider().name
    if name == "hand":
        return
    before = clock.wall() - PATIENCE
    quiet = Payment.objects.filter(provider=name, created_at__lt=before).exclude(checkout_id="")
    quiet = quiet.filter(status__in=[Payment.Status.OPEN, Payment.Status.FAILED])
    never = quiet.filter(asked_at=None)
    since = quiet.filter(asked_at__lt=before)
    for payment in (never | since).order_by(F("asked_at").asc(nulls_first=True))[:AT_ONCE]:
        lease.check()
        try:
            payments.refresh(payment)
        except ServiceError as error:
            if not error.permanent:
                return  # the next round asks again


@registry.register(payments.CLOSE_PAGE, lane=Lane.NORMAL)
def close_page(job: Job, lease: Lease) -> None:
    """Close the page of what was paid in another way."""
    payments.close_page(Payment.objects.get(pk=UUID(job.payload["payment"])))


registry.every(EVERY_SECONDS, ASK)
