"""Where the payment provider tells what happened: `POST /hooks/stripe/`, signed by it."""

import logging

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from billing import provider_events
from integrations import payments
from integrations.payments import BadEvent

log = logging.getLogger(__name__)


@csrf_exempt
@login_not_required
@never_cache
@require_POST
def stripe_hook(request: HttpRequest) -> HttpResponse:
    """Keep an event, then answer; what is not the provider's is refused and changes nothing."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or len(length) > 9 or int(length) > payments.LONGEST_BODY:
        return HttpResponse("Too large.", status=413, content_type="text/plain")
    header = request.headers.get("Stripe-Signature", "")
    try:
        provider_events.take_in(request.body, header)
    except BadEvent as error:
        log.warning("payment event refused: %s", error)
        words = "Not an event of the payment provider."
        return HttpResponse(words, status=400, content_type="text/plain")
    return HttpResponse(content_type="text/plain")
