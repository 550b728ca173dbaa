"""Proposals for the operator: how one went, what a version changed, and the next one by hand."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_safe
from pydantic import ValidationError

from billing import prices
from control import approvals, by_person
from dashboard.sales import offers, paying
from dashboard.sales.offer_forms import OfferForm
from dashboard.views import proposal_public
from dashboard.web import Request, page
from pipeline.kinds import ProposalParams
from pipeline.models import Deal, Proposal, Signature
from pipeline.selling import documents, proposal_links, proposals


@require_safe
def detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Show a proposal as its recipient sees it, what happened to it, and its versions."""
    rows = Proposal.objects.select_related("deal__lead", "package")
    found = get_object_or_404(rows, pk=pk)
    versions = list(found.deal.proposals.select_related("deal").order_by("-version"))
    before = next((one for one in versions if one.version < found.version), None)
    signature = Signature.objects.filter(proposal=found).defer("pdf").first()
    context = {
        "proposal": found,
        "topic": f"proposal:{found.pk}",
        "deal": found.deal,
        "document": found.document,
        "check": documents.check(found),
        "signature": signature,
        "moments": offers.moments(found),
        "versions": versions,
        "before": before,
        "differences": offers.differences(before, found) if before is not None else [],
        "link": proposal_links.url(found.pk) if found.status != Proposal.Status.DRAFT else "",
        "tone": offers.TONES.get(found.status, ""),
        "paying": paying.stand(found, came_back=False) if signature else None,
        "objection": prices.objection(found.package, found.setup_usd, found.monthly_usd),
        "can_offer": found.deal.is_open and found.status not in proposals.SETTLED,
    }
    return page(request, "pipeline/proposal_detail.html", context, partials=["proposal-body"])


@require_safe
def pdf(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Hand out the signed PDF."""
    signature = Signature.objects.select_related("proposal").filter(proposal=pk).first()
    if signature is None:
        raise Http404("it is not signed")
    return proposal_public.pdf_response(signature)


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Make the next version for a deal by hand, and send it."""
    deal = get_object_or_404(Deal.objects.select_related("lead", "client"), pk=pk)
    if request.method != "POST":
        return _form(request, deal, OfferForm(initial=offers.initial(deal)))
    form = OfferForm(request.POST)
    if not form.is_valid():
        return _form(request, deal, form, status=422)
    said = form.cleaned_data
    why = prices.objection(said["package"], said["setup_usd"], said["monthly_usd"])
    if why and "sure" not in request.POST:
        return _form(request, deal, form, status=422, out_of_bounds=why)
    try:
        params = ProposalParams.model_validate({**said, "package": said["package"].slug})
        kind = "negotiate" if proposals.newest(deal) is not None else "send_proposal"
        reason = f"Made by hand{', out of bounds: ' + why if why else ''}."
        action = by_person.do(kind, params, deal, request.user, reason=reason, client=deal.client)
    except ValidationError as error:
        form.add_error(None, str(error.errors()[0]["msg"]))
        return _form(request, deal, form, status=422)
    except approvals.NotAllowed as refusal:
        form.add_error(None, f"Not sent: {refusal}.")
        return _form(request, deal, form, status=409)
    messages.success(request, f"On its way: {action.summary}.")
    return redirect("deal-detail", deal.pk)


def _form(
    request: HttpRequest, deal: Deal, form: OfferForm, status: int = 200, out_of_bounds: str = ""
) -> HttpResponse:
    context: dict[str, Any] = {
        "deal": deal,
        "form": form,
        "out_of_bounds": out_of_bounds,
        "packages": form.fields["package"].queryset,  # type: ignore[attr-defined]
        "version": proposals.next_version(deal),
        "closed": not deal.is_open,
    }
    return page(request, "pipeline/proposal_form.html", context, status=status)
