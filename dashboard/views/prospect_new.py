"""A prospect added by hand."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from dashboard.finding.prospect_forms import ProspectForm
from dashboard.web import Request
from pipeline import prospects
from pipeline.models import IdealCustomer


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: Request) -> HttpResponse:
    """Add a prospect; one that is there already is shown instead."""
    posted = request.method == "POST"
    form = ProspectForm(request.POST if posted else None)
    if posted and form.is_valid():
        try:
            prospect, is_new = prospects.by_hand(
                form.cleaned_data["candidate"],
                ideal=form.cleaned_data["ideal_customer"],
                by=request.user.get_username(),
            )
        except prospects.OtherWorld as reason:
            form.add_error(None, f"It was not added: {reason}.")
        else:
            if is_new:
                messages.success(request, f"{prospect} is added; the Researcher reads its site.")
            else:
                messages.warning(request, f"It is there already, as {prospect}.")
            return redirect("prospect-detail", pk=prospect.pk)
    context = {"form": form, "ready": IdealCustomer.objects.exists()}
    status = 422 if form.errors else 200
    return render(request, "pipeline/prospect_form.html", context, status=status)
