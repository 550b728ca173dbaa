"""Ideal customers and their sources: what each yields and costs, and changing them."""

from django.contrib import messages
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from agency import clock
from dashboard.finding import targets
from dashboard.finding.prospect_forms import IdealCustomerForm, SourceForm
from dashboard.house.profile_forms import zones
from dashboard.web import Request, page
from pipeline import targets as services
from pipeline.models import IdealCustomer, Source

FORM_METHODS = ["GET", "HEAD", "POST"]


@require_safe
def ideal_list(request: HttpRequest) -> HttpResponse:
    """Show each ideal customer with its sources."""
    context = {"targets": targets.targets(), "now": clock.wall()}
    return page(request, "pipeline/ideal_list.html", context, partials=["ideal-rows"])


@require_http_methods(FORM_METHODS)
def create(request: Request) -> HttpResponse:
    """Describe an ideal customer."""
    customer = IdealCustomer(timezone=request.profile.timezone)
    return _customer_form(request, customer)


@require_http_methods(FORM_METHODS)
def edit(request: Request, pk: int) -> HttpResponse:
    """Change an ideal customer."""
    return _customer_form(request, get_object_or_404(IdealCustomer, pk=pk))


def _customer_form(request: Request, customer: IdealCustomer) -> HttpResponse:
    posted = request.method == "POST"
    form = IdealCustomerForm(request.POST if posted else None, instance=customer)
    if posted and form.is_valid():
        is_new = customer.pk is None
        services.save_customer(form.instance, by=request.user)
        if is_new:
            messages.success(request, f"“{customer}” is looked for; say where.")
            return redirect("source-create", pk=customer.pk)
        messages.success(request, f"Scout goes by the new “{customer}” from now on.")
        return redirect("ideal-list")
    return _form(request, "pipeline/ideal_form.html", form, {"zones": zones()})


@require_POST
def switch(request: Request, pk: int, *, active: bool) -> HttpResponse:
    """Pause an ideal customer, or go on."""
    customer = get_object_or_404(IdealCustomer, pk=pk)
    if services.switch_customer(customer, active=active, by=request.user):
        words = (
            f"Scout looks for “{customer}” again."
            if active
            else f"Scout no longer looks for “{customer}”."
        )
        back = "ideal-pause" if active else "ideal-resume"
        messages.success(request, words, extra_tags=reverse(back, args=[pk]))
    return _said(request)


@require_http_methods(FORM_METHODS)
def create_source(request: Request, pk: int) -> HttpResponse:
    """Add a source to an ideal customer."""
    customer = get_object_or_404(IdealCustomer, pk=pk)
    return _source_form(request, Source(ideal_customer=customer))


@require_http_methods(FORM_METHODS)
def edit_source(request: Request, pk: int) -> HttpResponse:
    """Change a source."""
    source = get_object_or_404(
        Source.objects.select_related("ideal_customer"), pk=pk, kind__in=services.READ_BY_SCOUT
    )
    return _source_form(request, source)


def _source_form(request: Request, source: Source) -> HttpResponse:
    posted = request.method == "POST"
    form = SourceForm(request.POST if posted else None, instance=source)
    if posted and form.is_valid():
        services.save_source(form.instance, by=request.user)
        messages.success(request, f"Scout reads “{source}” now, and then every so often.")
        return redirect("ideal-list")
    return _form(request, "pipeline/source_form.html", form, {"customer": source.ideal_customer})


@require_POST
def switch_source(request: Request, pk: int, *, active: bool) -> HttpResponse:
    """Pause a source, or go on."""
    source = get_object_or_404(Source, pk=pk)
    if services.switch_source(source, active=active, by=request.user):
        words = f"“{source}” is read again." if active else f"“{source}” is no longer read."
        back = "source-pause" if active else "source-resume"
        messages.success(request, words, extra_tags=reverse(back, args=[pk]))
    return _said(request)


@require_POST
def read_source(request: Request, pk: int) -> HttpResponse:
    """Have Scout read a source now."""
    source = get_object_or_404(Source, pk=pk)
    try:
        services.read_now(source, by=request.user)
    except services.CannotRead:
        messages.warning(request, f"“{source}” is not read; what is in it was added by hand.")
    else:
        messages.success(request, f"Scout reads “{source}”; what it finds appears here.")
    return _said(request)


def _form(
    request: Request, template: str, form: BaseForm, context: dict[str, object]
) -> HttpResponse:
    status = 422 if form.errors else 200
    return render(request, template, {**context, "form": form}, status=status)


def _said(request: Request) -> HttpResponse:
    """Answer a change with its toast; or go back without scripts."""
    if request.htmx:
        return render(request, "components/messages.html", {"oob": True})
    return redirect("ideal-list")
