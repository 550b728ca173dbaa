"""Importing a file of prospects: upload, columns, a look at what becomes of it, result, undo."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dashboard import file_imports as pages
from dashboard.finding import imports
from dashboard.finding.prospect_forms import ImportForm
from dashboard.web import Request, asked, page
from pipeline import file_imports
from pipeline.finding import imports as services
from pipeline.finding.candidates import FIELDS
from pipeline.finding.sources import file
from pipeline.models import IdealCustomer, ProspectImport

DETAIL = "pipeline/import_detail.html"
Status = ProspectImport.Status


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: Request) -> HttpResponse:
    """Take a file in; nothing is imported yet."""
    if request.method == "POST":
        form = ImportForm(request.POST, request.FILES)
        if form.is_valid():
            try:
                import_ = _upload(request, form)
            except file.Unreadable as reason:
                form.add_error("file", f"It cannot be read: {reason}.")
            else:
                return redirect("import-detail", pk=import_.pk)
    else:
        form = ImportForm(initial={"ideal_customer": asked(request, "customer")})
    context = {
        "form": form,
        "ready": IdealCustomer.objects.exists(),
        "imports": imports.recent(),
    }
    status = 422 if form.errors else 200
    return render(request, "pipeline/import_form.html", context, status=status)


def _upload(request: Request, form: ImportForm) -> ProspectImport:
    uploaded = form.cleaned_data["file"]
    return services.upload(
        form.cleaned_data["ideal_customer"],
        uploaded.name,
        uploaded.read(),
        by=request.user.get_username(),
    )


@require_safe
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show what the file would bring, how far it is, or what it brought."""
    return _render(request, _get(pk))


@require_POST
def remap(request: Request, pk: UUID) -> HttpResponse:
    """Say what the columns hold."""
    import_ = _get(pk)
    names = file.columns(bytes(import_.content))
    said = {name: request.POST.get(f"column-{n}", "") for n, name in enumerate(names)}
    problem = pages.remap(import_, said, FIELDS)
    if problem or request.htmx:
        return _render(request, import_, problem=problem)
    return redirect("import-detail", pk=pk)


@require_POST
def start(request: Request, pk: UUID) -> HttpResponse:
    """Import it."""
    import_ = _get(pk)
    try:
        services.start(import_, by=request.user.get_username())
    except file_imports.NotPossible as reason:
        return _render(request, import_, problem=str(reason))
    return redirect("import-detail", pk=pk)


@require_POST
def undo(request: Request, pk: UUID) -> HttpResponse:
    """Take it back."""
    try:
        services.undo(_get(pk), by=request.user.get_username())
    except file_imports.NotPossible as reason:
        messages.warning(request, str(reason))
    else:
        messages.success(request, "It is being taken back; whom somebody has written to stays.")
    return redirect("import-detail", pk=pk)


def _get(pk: UUID) -> ProspectImport:
    rows = ProspectImport.objects.defer("content").select_related("source__ideal_customer")
    return get_object_or_404(rows, pk=pk)


def _render(request: HttpRequest, import_: ProspectImport, *, problem: str = "") -> HttpResponse:
    context: dict[str, Any] = {
        "import": import_,
        "topic": pages.topic(import_),
        "problem": problem,
    }
    if import_.status == Status.UPLOADED:
        lines = imports.lines(import_)
        context |= {
            "columns": pages.columns(import_),
            "fields": FIELDS.items(),
            "lines": lines,
            "named": "name" in import_.mapping.values(),
        }
    else:
        context["left"] = import_.prospects.filter(merged_into=None).count()
        context["added_url"] = f"{reverse('prospect-list')}?source={import_.source_id}"
    # A page that is swapped in says what is wrong; htmx drops answers that are errors.
    status = 422 if problem and not request.htmx else 200  # type: ignore[attr-defined]
    return page(request, DETAIL, context, partials=["import-body"], status=status)
