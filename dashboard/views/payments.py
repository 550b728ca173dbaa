"""Payments: what was paid, what is still to come, and what went wrong with it."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from billing import payments as services
from billing.models import Payment
from dashboard.sales import payments
from dashboard.web import Request, asked, newest, page
from integrations import payments as provider
from integrations.errors import ServiceError

TEMPLATE = "billing/payment_list.html"


@require_safe
def payment_list(request: HttpRequest) -> HttpResponse:
    """List the payments, newest first."""
    wanted = asked(request, "status")
    wanted = wanted if wanted in payments.FILTERS else ""
    found = newest(payments.rows(wanted), asked(request, "before"))
    context = {
        "page": found,
        "rows": payments.described(found.rows),
        "filters": payments.filters(),
        "status": wanted,
        "provider": provider.provider(),
        "strangers": payments.strangers(),
    }
    return page(request, TEMPLATE, context, partials=["payment-table"])


@require_POST
def mark_paid(request: Request, pk: UUID) -> HttpResponse:
    """Note that the money came in by another way."""
    payment = get_object_or_404(Payment, pk=pk)
    if services.mark_paid(payment, by=request.user.get_username()):
        messages.success(request, f"{payment.amount_usd} USD noted as paid.")
    else:
        messages.warning(request, "It was paid already.")
    return _said(request)


@require_POST
def ask(request: Request, pk: UUID) -> HttpResponse:
    """Ask the provider how a payment stands."""
    payment = get_object_or_404(Payment, pk=pk)
    try:
        payment = services.refresh(payment)
    except ServiceError as error:
        messages.error(request, f"Not known: {error}.")
    else:
        words = f"{payment.amount_usd} USD: {payment.get_status_display().lower()}."
        messages.success(request, words)
    return _said(request)


def _said(request: Request) -> HttpResponse:
    if request.htmx:
        return render(request, "components/messages.html", {"oob": True})
    return redirect("payment-list")
