"""Importing a file of leads: upload, columns, a look at what becomes of it, result, undo."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dashboard import file_imports as pages
from dashboard.sales import lead_imports
from dashboard.sales.lead_import_forms import LeadImportForm
from dashboard.web import Request, page
from pipeline import file_imports
from pipeline import lead_imports as services
from pipeline.finding.sources import file
from pipeline.lead_files import FIELDS, MANY
from pipeline.models import LeadImport

DETAIL = "pipeline/lead_import_detail.html"


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: Request) -> HttpResponse:
    """Take a file in; nothing is imported yet."""
    form = LeadImportForm()
    if request.method == "POST":
        form = LeadImportForm(request.POST, request.FILES)
        if form.is_valid():
            uploaded = form.cleaned_data["file"]
            try:
                import_ = services.upload(
                    uploaded.name,
                    uploaded.read(),
                    client=form.cleaned_data["client"],
                    answers=form.cleaned_data["answers"],
                    by=request.user.get_username(),
                )
            except file.Unreadable as reason:
                form.add_error("file", f"It cannot be read: {reason}.")
            else:
                return redirect("lead-import-detail", pk=import_.pk)
    context = {"form": form, "imports": lead_imports.recent()}
    status = 422 if form.errors else 200
    return render(request, "pipeline/lead_import_form.html", context, status=status)


@require_safe
def detail(request: Request, pk: UUID) -> HttpResponse:
    """Show what the file would bring, how far it is, or what it brought."""
    return _render(request, _get(pk))


@require_POST
def remap(request: Request, pk: UUID) -> HttpResponse:
    """Say what the columns hold."""
    import_ = _get(pk)
    names = file.columns(bytes(import_.content))
    said = {name: request.POST.get(f"column-{n}", "") for n, name in enumerate(names)}
    problem = pages.remap(import_, said, FIELDS, many=MANY)
    if problem or request.htmx:
        return _render(request, import_, problem=problem)
    return redirect("lead-import-detail", pk=pk)


@require_POST
def start(request: Request, pk: UUID) -> HttpResponse:
    """Import it."""
    import_ = _get(pk)
    try:
        services.start(import_, by=request.user.get_username())
    except file_imports.NotPossible as reason:
        return _render(request, import_, problem=str(reason))
    return redirect("lead-import-detail", pk=pk)


@require_POST
def undo(request: Request, pk: UUID) -> HttpResponse:
    """Take it back."""
    try:
        services.undo(_get(pk), by=request.user.get_username())
    except file_imports.NotPossible as reason:
        messages.warning(request, str(reason))
    else:
        messages.success(request, "It is being taken back; what was done about a lead stays.")
    return redirect("lead-import-detail", pk=pk)


def _get(pk: UUID) -> LeadImport:
    rows = LeadImport.objects.defer("content").select_related("client")
    return get_object_or_404(rows, pk=pk)


def _render(request: Request, import_: LeadImport, *, problem: str = "") -> HttpResponse:
    context: dict[str, Any] = {
        "import": import_,
        "topic": pages.topic(import_),
        "problem": problem,
    }
    if import_.status == LeadImport.Status.UPLOADED:
        context |= {
            "columns": pages.columns(import_),
            "fields": FIELDS.items(),
            "lines": lead_imports.lines(import_, request.profile),
            "reached": bool({"email", "phone"} & set(import_.mapping.values())),
        }
    else:
        context["left"] = import_.leads.count()
        context["added_url"] = f"{reverse('pipeline-table')}?source={services.SOURCE}"
    # A page that is swapped in says what is wrong; htmx drops answers that are errors.
    status = 422 if problem and not request.htmx else 200
    return page(request, DETAIL, context, partials=["import-body"], status=status)
