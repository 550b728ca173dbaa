"""Outgoing webhooks: where events are posted, what was posted, and trying it."""

from uuid import UUID

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_POST

from dashboard.house.api_forms import EndpointForm, NewEndpointForm
from dashboard.web import Request, asked, newest, page
from jobs import outgoing
from jobs.models import OutgoingDelivery, OutgoingEndpoint

LIST = "jobs/outgoing_list.html"
DETAIL = "jobs/outgoing_detail.html"


@require_http_methods(["GET", "HEAD", "POST"])
def endpoint_list(request: Request) -> HttpResponse:
    """List the endpoints; make one."""
    if request.method != "POST":
        return _list(request, NewEndpointForm())
    form = NewEndpointForm(request.POST)
    if not form.is_valid():
        return _list(request, form, status=422)
    try:
        endpoint = outgoing.create(by=request.user.get_username(), **form.cleaned_data)
    except outgoing.BadEndpoint as bad:
        form.add_error(bad.field, str(bad))
        return _list(request, form, status=422)
    messages.success(request, f"“{endpoint.name}” is posted to from now on. Try it.")
    return redirect("outgoing-detail", pk=endpoint.pk)


@require_http_methods(["GET", "HEAD", "POST"])
def endpoint_detail(request: Request, pk: int) -> HttpResponse:
    """Show one endpoint with its log; change what it takes."""
    endpoint = _get(pk)
    if request.method != "POST":
        return _detail(request, endpoint, _form_of(endpoint))
    form = EndpointForm(request.POST)
    if not form.is_valid():
        return _detail(request, endpoint, form, status=422)
    try:
        outgoing.change(endpoint, by=request.user.get_username(), **form.cleaned_data)
    except outgoing.BadEndpoint as bad:
        form.add_error(bad.field, str(bad))
        return _detail(request, endpoint, form, status=422)
    messages.success(request, "Saved.")
    return redirect("outgoing-detail", pk=pk)


@require_POST
def send_test(request: Request, pk: int) -> HttpResponse:
    """Post an event that means nothing."""
    outgoing.send_test(_get(pk), by=request.user.get_username())
    messages.success(request, "A test is on its way; what came of it stands in the log.")
    return redirect("outgoing-detail", pk=pk)


@require_POST
def rotate(request: Request, pk: int) -> HttpResponse:
    """Give it a new secret; the old one signs for another day."""
    outgoing.rotate(_get(pk), by=request.user.get_username())
    messages.success(request, "There is a new secret; for 24 hours the old one signs as well.")
    return redirect("outgoing-detail", pk=pk)


@require_POST
def switch(request: Request, pk: int) -> HttpResponse:
    """Switch it off, or on again."""
    endpoint = _get(pk)
    outgoing.switch(endpoint, not endpoint.active, by=request.user.get_username())
    messages.success(request, f"“{endpoint.name}” is {'on' if endpoint.active else 'off'} now.")
    return redirect("outgoing-detail", pk=pk)


@require_POST
def remove(request: Request, pk: int) -> HttpResponse:
    """Delete it with its log."""
    endpoint = _get(pk)
    outgoing.remove(endpoint, by=request.user.get_username())
    messages.success(request, f"“{endpoint.name}” is gone, with its log.")
    return redirect("outgoing-list")


@require_POST
def send_again(request: Request, pk: int, delivery: UUID) -> HttpResponse:
    """Post a message anew."""
    found = get_object_or_404(OutgoingDelivery, pk=delivery, endpoint=pk)
    if outgoing.send_again(found, by=request.user.get_username()):
        messages.success(request, "It is on its way again, as the same message.")
    else:
        messages.warning(request, "Its next try is still to come.")
    return redirect("outgoing-detail", pk=pk)


def _get(pk: int) -> OutgoingEndpoint:
    return get_object_or_404(OutgoingEndpoint.objects.select_related("client"), pk=pk)


def _form_of(endpoint: OutgoingEndpoint) -> EndpointForm:
    return EndpointForm(initial={"url": endpoint.url, "events": endpoint.events})


def _list(request: HttpRequest, form: NewEndpointForm, *, status: int = 200) -> HttpResponse:
    pending = Count("deliveries", filter=Q(deliveries__status="pending"))
    failed = Count("deliveries", filter=Q(deliveries__status="failed"))
    context = {
        "form": form,
        "endpoints": OutgoingEndpoint.objects.select_related("client").annotate(
            pending=pending, failed=failed
        ),
    }
    return page(request, LIST, context, partials=["endpoint-rows"], status=status)


def _detail(
    request: HttpRequest, endpoint: OutgoingEndpoint, form: EndpointForm, *, status: int = 200
) -> HttpResponse:
    context = {
        "endpoint": endpoint,
        "form": form,
        "log": newest(endpoint.deliveries.all(), asked(request, "before")),
        "topic": f"webhook:{endpoint.pk}",
    }
    return page(request, DETAIL, context, partials=["delivery-rows"], status=status)
