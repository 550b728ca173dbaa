"""Prospects that may be one company: the pairs, what a merge moves, and taking it back."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dashboard.web import Request, asked, page
from pipeline import merges
from pipeline.merges import Pair
from pipeline.models import Prospect
from pipeline.prospect_filters import Filter

SIDES = {
    "name": "Name",
    "domain": "Domain",
    "phone": "Phone",
    "email": "E-mail",
    "place": "Place",
    "industry": "Industry",
    "employees": "Employees",
    "fit": "Fit",
    "get_status_display": "Status",
}
MOST = 20


@require_safe
def duplicate_list(request: HttpRequest) -> HttpResponse:
    """List the pairs that may be one, and what was merged lately."""
    context = {"pairs": merges.suggestions(), "merged": merges.recent()}
    return page(request, "pipeline/duplicate_list.html", context, partials=["duplicate-rows"])


@require_http_methods(["GET", "HEAD", "POST"])
def merge(request: Request, pk: UUID) -> HttpResponse:
    """Find the other one, show what would move, and once confirmed merge it into this one."""
    kept = get_object_or_404(Prospect, pk=pk, merged_into=None)
    data = request.POST if request.method == "POST" else request.GET
    gone = _other(data.get("gone", ""))
    if gone is None:
        return _choose(request, kept)
    try:
        if request.method != "POST":
            return _preview(request, kept, gone)
        row = merges.merge(kept.pk, gone.pk, by=request.user)
    except merges.CannotMerge as reason:
        return _choose(request, kept, problem=str(reason), status=409)
    undo_url = reverse("merge-undo", args=[row.pk])
    messages.success(request, f"{gone} is part of {kept}.", extra_tags=undo_url)
    return redirect("prospect-detail", pk=pk)


@require_POST
def undo(request: Request, pk: int) -> HttpResponse:
    """Take two apart again."""
    try:
        row = merges.undo(pk, by=request.user)
    except merges.CannotMerge as reason:
        messages.warning(request, f"Not taken back. {reason}")
    else:
        messages.success(request, f"{row.gone} and {row.kept} are two again.")
    if request.htmx:
        return render(request, "components/messages.html", {"oob": True})
    return redirect("duplicate-list")


@require_POST
def keep_apart(request: Request, pk: UUID) -> HttpResponse:
    """Say that a pair is two companies."""
    kept, gone = get_object_or_404(Prospect, pk=pk), _other(request.POST.get("gone", ""))
    if gone is not None:
        merges.keep_apart(kept, gone, by=request.user)
        messages.success(request, f"{kept} and {gone} are two; they are not suggested again.")
    return redirect("duplicate-list")


def _choose(
    request: Request, kept: Prospect, *, problem: str = "", status: int = 200
) -> HttpResponse:
    text = asked(request, "q")
    if text:
        found = Filter(q=text).prospects().exclude(pk=kept.pk).order_by("-fit", "-id")[:MOST]
        pairs = [Pair(kept, other, "") for other in found]
    else:
        pairs = merges.like(kept)
    context = {"kept": kept, "pairs": pairs, "q": text, "problem": problem}
    return render(request, "pipeline/prospect_merge.html", context, status=status)


def _preview(request: Request, kept: Prospect, gone: Prospect) -> HttpResponse:
    preview = merges.preview(kept, gone)
    filled = {name for name, _ in preview.fills}
    sides = []
    for name, label in SIDES.items():
        here, there = getattr(kept, name), getattr(gone, name)
        shown = [value() if callable(value) else value for value in (here, there)]
        sides.append((label, *shown, name in filled))
    context = {"kept": kept, "gone": gone, "preview": preview, "sides": sides}
    return render(request, "pipeline/prospect_merge.html", context)


def _other(key: str) -> Prospect | None:
    try:
        return Prospect.objects.filter(pk=UUID(key)).first()
    except ValueError:
        return None
