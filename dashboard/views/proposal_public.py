"""A proposal as its recipient sees it: public by its link, to read, sign, pay, decline, check."""

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe
from limits import RateLimitItemPerMinute

from agency.models import AgencyProfile
from control import alerts
from control.models import Alert
from dashboard import rates
from dashboard.sales import paying
from dashboard.sales.offer_forms import CheckForm, DeclineForm, SignForm
from pipeline.models import Proposal, Signature
from pipeline.selling import documents, proposal_links, proposals

GUESSES = RateLimitItemPerMinute(20)
"""Wrong links from one address."""

POSTS = RateLimitItemPerMinute(30)
CHECKS = RateLimitItemPerMinute(20)
TEMPLATE = "public/proposal.html"


# The link says who asks, and the page sets no cookie.
@csrf_exempt
@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def proposal(request: HttpRequest, token: str) -> HttpResponse:
    """Show it; sign, pay or decline it."""
    try:
        found = proposal_links.read(token)
    except proposal_links.BadToken:
        return _wrong(request)
    if request.method == "POST":
        if rates.is_over(POSTS, "proposal", _address(request)):
            return _page(request, found, problem="Too many tries; wait a minute.", status=429)
        return _post(request, found)
    if _is_reading(request) and found.status != Proposal.Status.DRAFT:
        proposals.seen(found)
    return _page(request, found)


@login_not_required
@never_cache
@require_safe
def pdf(request: HttpRequest, token: str) -> HttpResponse:
    """Hand out the signed PDF, byte for byte as it was made."""
    try:
        found = proposal_links.read(token)
    except proposal_links.BadToken:
        return _wrong(request)
    signature = Signature.objects.filter(proposal=found).first()
    if signature is None:
        return _page(request, found, status=404, problem="It is not signed yet: there is no PDF.")
    return pdf_response(signature)


def pdf_response(signature: Signature) -> HttpResponse:
    """Return the signed PDF as a download."""
    response = HttpResponse(bytes(signature.pdf), content_type="application/pdf")
    name = f"proposal-{signature.proposal.version}-signed.pdf"
    response["Content-Disposition"] = content_disposition_header(True, name) or ""
    response["X-Robots-Tag"] = "noindex"
    return response


@csrf_exempt
@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def check(request: HttpRequest) -> HttpResponse:
    """Say whether a PDF is one that was signed here, unchanged. The file is not kept."""
    if request.method != "POST":
        return _render(request, "public/proposal_check.html", {"form": CheckForm()})
    if rates.is_over(CHECKS, "proposal-check", _address(request)):
        form = CheckForm()
        context = {"form": form, "problem": "Too many files; wait a minute."}
        return _render(request, "public/proposal_check.html", context, status=429)
    form = CheckForm(request.POST, request.FILES)
    if not form.is_valid():
        return _render(request, "public/proposal_check.html", {"form": form}, status=422)
    found = documents.check_pdf(form.cleaned_data["file"])
    return _render(request, "public/proposal_check.html", {"form": CheckForm(), "found": found})


def _post(request: HttpRequest, found: Proposal) -> HttpResponse:
    do = request.POST.get("do", "")
    if do == "sign":
        return _sign(request, found)
    if do == "decline":
        return _decline(request, found)
    if do == "pay" and found.status in proposals.SETTLED:
        return _pay(request, found)
    return _page(request, found, problem="There is nothing to do here.", status=422)


def _sign(request: HttpRequest, found: Proposal) -> HttpResponse:
    form = SignForm(request.POST)
    if not form.is_valid():
        return _page(request, found, sign=form, status=422)
    said = form.cleaned_data
    try:
        proposals.sign(
            found,
            name=said["name"],
            email=said["email"],
            consent=documents.CONSENT,
            address=_address(request),
            user_agent=request.headers.get("User-Agent", ""),
            seen_sha256=said["document_sha256"],
        )
    except proposals.NotPossible as why:
        return _page(request, found, sign=form, problem=str(why), status=409)
    return _pay(request, proposal_links.read(proposal_links.token(found.pk)))


def _pay(request: HttpRequest, found: Proposal) -> HttpResponse:
    """Go straight on to the payment; what was signed stays signed if that fails."""
    try:
        address = paying.begin(found)
    except paying.NOT_NOW:
        return _page(request, found, problem=paying.UNREACHABLE, status=503)
    except paying.NOT_HERE as why:
        alerts.raise_alert(
            f"proposal:unpayable:{found.pk}",
            f"{found} is signed and cannot be paid on its page",
            body=f"{why}. They were told that you write to them how to pay.",
            url=f"/proposals/{found.pk}/",
        )
        return _page(request, found, problem=paying.BY_HAND, status=409)
    return redirect(address or proposal_links.path(found.pk))


def _decline(request: HttpRequest, found: Proposal) -> HttpResponse:
    form = DeclineForm(request.POST)
    if not form.is_valid():
        return _page(request, found, decline=form, status=422)
    try:
        proposals.decline(found, " ".join(form.cleaned_data["reason"].split()))
    except proposals.NotPossible as why:
        return _page(request, found, decline=form, problem=str(why), status=409)
    return redirect(proposal_links.path(found.pk))


def _page(
    request: HttpRequest,
    found: Proposal,
    *,
    sign: SignForm | None = None,
    decline: DeclineForm | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    found.refresh_from_db(fields=["status", "valid_until", "seen_count"])
    signature = Signature.objects.filter(proposal=found).first()
    if found.status == Proposal.Status.DRAFT:
        return _render(request, TEMPLATE, {"proposal": found, "state": "not_yet"}, status=status)
    checked = documents.check(found)
    if not checked.ok:
        _tell_operator(found, checked.why)
    last = proposals.newest(found.deal)
    newer = last if last is not None and last.version > found.version else None
    lead = found.deal.lead
    typed = {"name": lead.name, "email": lead.email, "document_sha256": found.document_sha256}
    signed = signature is not None
    context = {
        "proposal": found,
        "state": "shown",
        "document": found.document,
        "check": checked,
        "signature": signature,
        "newer": newer,
        "newer_href": proposal_links.path(newer.pk) if newer is not None else "",
        "closed": "" if signed else proposals.why_not_signable(found, found.deal),
        "sign": sign or SignForm(initial=typed),
        "decline": decline or DeclineForm(),
        "paying": paying.stand(found, came_back="back" in request.GET) if signed else None,
        "token": proposal_links.token(found.pk),
        "problem": problem,
        "due": documents.due(found),
    }
    return _render(request, TEMPLATE, context, status=status)


def _tell_operator(found: Proposal, why: str) -> None:
    alerts.raise_alert(
        f"proposal:changed:{found.pk}",
        f"{found} is not what it was",
        body=f"{why} Somebody changed it in the database. Nobody can sign it.",
        severity=Alert.Severity.CRITICAL,
        url=f"/proposals/{found.pk}/",
    )


def _wrong(request: HttpRequest) -> HttpResponse:
    over = rates.is_over(GUESSES, "proposal-link", _address(request))
    return _render(request, TEMPLATE, {"state": "wrong"}, status=429 if over else 404)


def _render(
    request: HttpRequest, template: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    agency = AgencyProfile.load()
    response = render(request, template, {"agency": agency.name, **context}, status=status)
    response["X-Robots-Tag"] = "noindex"
    response["Referrer-Policy"] = "no-referrer"  # the address is the key
    return response


def _is_reading(request: HttpRequest) -> bool:
    """Whether it is them who look: not the operator, a prefetch or the page's own look again."""
    if request.method != "GET" or request.user.is_authenticated or "back" in request.GET:
        return False
    return not request.headers.get("Sec-Purpose", request.headers.get("Purpose", ""))


def _address(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))
