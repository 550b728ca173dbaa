"""Deliverability: whether mail arrives, how much may go out, and whom nobody writes to."""

import csv
from collections.abc import Iterator

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from agency.models import AuditEntry
from control import switches
from dashboard.sales.csv_file import defused
from dashboard.views.stop import backlog_words
from dashboard.web import Request, asked, newest, page
from dashboard.writing import deliverability
from dashboard.writing.outreach_forms import ImportForm, SuppressionForm
from integrations import mail
from jobs import queue
from jobs.models import Lane
from pipeline.mail import sender_domains, suppression_list, suppressions
from pipeline.models import Suppression

TEMPLATE = "outreach/deliverability.html"
LIST = "outreach/suppression_list.html"
REFUSED_SHOWN = 20


class Echo:
    """A file that hands back what is written to it."""

    def write(self, line: str) -> str:
        """Return the line."""
        return line


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Show domains, mailboxes and rates."""
    boxes, ramp = deliverability.boxes()
    switch = deliverability.stopped()
    waiting = switches.waiting(switch) if switch else 0
    context = {
        "rates": deliverability.rates(),
        "switch": switch,
        "waiting": waiting,
        "waiting_words": switches.in_words(waiting),
        "domains": deliverability.domains(),
        "boxes": boxes,
        "ramp": ramp,
        "sandbox": mail.world() == "sandbox",
        "suppressed": deliverability.suppressed_counts()[""],
    }
    return page(request, TEMPLATE, context, partials=["deliverability"])


@require_POST
def resume(request: Request) -> HttpResponse:
    """Let cold mail go on; run or discard what waited."""
    switch = deliverability.stopped()
    if switch is None:
        messages.warning(request, "Cold mail is not stopped.")
    else:
        discard = request.POST.get("backlog") == "discard"
        count = switches.release(switch, by=request.user.get_username(), discard_backlog=discard)
        messages.success(request, f"Cold mail goes on; {backlog_words(count, discard=discard)}.")
    return redirect("deliverability")


@require_POST
def check_domains(request: Request) -> HttpResponse:
    """Have every domain looked up."""
    queue.enqueue(sender_domains.CHECK, {}, lane=Lane.FAST, unique_key=sender_domains.CHECK)
    messages.success(request, "They are being looked up; the page shows what is found.")
    return redirect("deliverability")


@require_safe
def suppression_list_page(request: HttpRequest) -> HttpResponse:
    """List whom nobody writes to, the newest first."""
    return _list(request)


@require_POST
def add(request: Request) -> HttpResponse:
    """Suppress an address, a domain, a company, a word."""
    form = SuppressionForm(request.POST)
    if not form.is_valid():
        return _list(request, form=form, status=422)
    found = suppressions.add(
        form.cleaned_data["scope"],
        form.cleaned_data["value"],
        reason=form.cleaned_data["reason"],
        by=request.user.get_username(),
    )
    messages.success(request, f"Nobody writes to {found} any more.")
    return redirect("suppression-list")


@require_POST
def import_list(request: Request) -> HttpResponse:
    """Suppress a pasted list."""
    form = ImportForm(request.POST)
    if not form.is_valid():
        return _list(request, import_form=form, status=422)
    try:
        done = suppression_list.import_lines(
            form.cleaned_data["lines"],
            reason=form.cleaned_data["reason"],
            by=request.user.get_username(),
        )
    except suppression_list.Refused as reason:
        form.add_error("lines", str(reason))
        return _list(request, import_form=form, status=422)
    words = f"{done.added:,} added, {done.known:,} were there already"
    if not done.refused:
        messages.success(request, f"{words}.")
        return redirect("suppression-list")
    return _list(request, refused=done.refused, said=words)


@require_POST
def remove(request: Request, pk: int) -> HttpResponse:
    """Take one off the list."""
    row = get_object_or_404(Suppression, pk=pk)
    entry = suppressions.remove(row, by=request.user.get_username())
    if entry is None:
        messages.warning(request, f"{row} was off the list already.")
    else:
        undo = reverse("suppression-undo", args=[entry.pk])
        messages.success(request, f"{row} may be written to again.", extra_tags=undo)
    return redirect("suppression-list")


@require_POST
def undo(request: Request, pk: int) -> HttpResponse:
    """Put one back that was taken off."""
    entry = get_object_or_404(AuditEntry, pk=pk, verb=suppressions.REMOVED)
    back = suppressions.put_back(entry, by=request.user.get_username())
    value = entry.data["value"]
    if back:
        messages.success(request, f"{value} is on the list again.")
    else:
        messages.warning(request, f"{value} is on the list already.")
    return redirect("suppression-list")


@require_safe
def export(request: HttpRequest) -> StreamingHttpResponse:
    """Hand over the whole list as CSV."""
    response = StreamingHttpResponse(_csv(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="suppression-list.csv"'
    return response


def _csv() -> Iterator[str]:
    writer = csv.writer(Echo())
    yield writer.writerow(["scope", "value", "reason", "since"])
    rows = Suppression.objects.order_by("pk").values_list("scope", "value", "reason", "created_at")
    for scope, value, reason, at in rows.iterator(chunk_size=2_000):
        yield writer.writerow([scope, defused(value), defused(reason), at.isoformat()])


def _list(
    request: HttpRequest,
    *,
    form: Form | None = None,
    import_form: Form | None = None,
    refused: list[str] | None = None,
    said: str = "",
    status: int = 200,
) -> HttpResponse:
    scope, text = asked(request, "scope"), asked(request, "q")
    rows = newest(deliverability.suppressed(scope, text), asked(request, "before"))
    counts = deliverability.suppressed_counts()
    context = {
        "rows": rows.rows,
        "page": rows,
        "scope": scope,
        "q": text,
        "filters": [
            (value, name, counts.get(value, 0))
            for value, name in [("", "All"), *Suppression.Scope.choices]
        ],
        "total": counts[""],
        "form": form or SuppressionForm(),
        "import_form": import_form or ImportForm(),
        "refused": (refused or [])[:REFUSED_SHOWN],
        "refused_count": len(refused or []),
        "said": said,
    }
    return page(request, LIST, context, partials=["suppression-table"], status=status)
