"""Where a mail provider posts what came in, and what became of what went out.

Anymail knows the providers' formats; of Mailgun's the signature is checked before anything else.
What is posted is kept before it is answered and read by a job, so that a mail nobody can make
sense of is never a reason to refuse it.
"""

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from anymail.exceptions import AnymailWebhookValidationFailure
from anymail.signals import AnymailTrackingEvent, EventType
from anymail.webhooks.mailgun import MailgunInboundWebhookView, MailgunTrackingWebhookView
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from control import alerts
from pipeline.mail import inbox, reports

View = Callable[[HttpRequest], HttpResponse]

REPORTED = {
    EventType.BOUNCED: reports.Kind.BOUNCED,
    EventType.COMPLAINED: reports.Kind.COMPLAINED,
    EventType.UNSUBSCRIBED: reports.Kind.UNSUBSCRIBED,
}


OLDEST_SECONDS = 12 * 3600
"""Mailgun tries again for eight hours. Its signature is of a time and a token, not of what is
posted with it: whoever gets hold of one could otherwise sign with it for ever."""

FUTURE_SECONDS = 300


class Signed:
    """Refuses with 400 what cannot even be checked, where Anymail would fail; and what is old."""

    def run_validators(self, request: HttpRequest) -> None:
        """Raise AnymailWebhookValidationFailure unless Mailgun signed this."""
        try:
            super().run_validators(request)  # type: ignore[misc]
            age = time.time() - float(_signed_at(request))
        except (UnicodeError, TypeError, AttributeError, ValueError) as error:
            raise AnymailWebhookValidationFailure("The signature is in no known form") from error
        if not -FUTURE_SECONDS < age < OLDEST_SECONDS:
            raise AnymailWebhookValidationFailure("The signature is too old")


def _signed_at(request: HttpRequest) -> str:
    """Return the time of a signature that was checked."""
    if request.content_type == "application/json":
        return str(json.loads(request.body)["signature"]["timestamp"])
    return request.POST["timestamp"]


class Inbound(Signed, MailgunInboundWebhookView):  # type: ignore[misc]
    """Keeps a raw message as it came."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Store the message, then answer; without one, refuse, and the provider tries again."""
        if request.content_type == "multipart/form-data":
            # The message may be in any encoding, or in none: this one gives each byte back.
            request.encoding = "latin-1"
        self.run_validators(request)
        raw = _raw_message(request)
        if raw is None:
            alerts.raise_alert(
                "mail:not-raw",
                "Mail comes in without its raw message",
                body=(
                    "Mailgun posted a mail it had taken apart. Let the route forward to"
                    f" {settings.PUBLIC_URL}/anymail/mailgun/inbound_mime/ so that it is whole;"
                    " Mailgun tries again for eight hours."
                ),
            )
            return HttpResponse("Forward the raw MIME message, please.", status=400)
        inbox.store(raw, via="webhook:mailgun")
        return HttpResponse()


class Tracking(Signed, MailgunTrackingWebhookView):  # type: ignore[misc]
    """Keeps what a provider says became of a mail."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Store each report that matters, then answer."""
        self.run_validators(request)
        try:
            events = self.parse_events(request)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise AnymailWebhookValidationFailure("No event of Mailgun's") from error
        for event in events:
            _keep(event)
        return HttpResponse()


@csrf_exempt
@login_not_required
def inbound(request: HttpRequest) -> HttpResponse:
    """Take in a message. Not there without a key: an empty one would let anybody sign."""
    view: View = Inbound.as_view(webhook_signing_key=_key())
    return view(request)


@csrf_exempt
@login_not_required
def tracking(request: HttpRequest) -> HttpResponse:
    """Take in a report of a bounce, a complaint or an unsubscription."""
    view: View = Tracking.as_view(webhook_signing_key=_key())
    return view(request)


def _key() -> str:
    if not settings.MAILGUN_SIGNING_KEY:
        raise Http404("MAILGUN_SIGNING_KEY is not set")
    return str(settings.MAILGUN_SIGNING_KEY)


def _raw_message(request: HttpRequest) -> bytes | None:
    """Return the message byte for byte."""
    if request.content_type == "application/x-www-form-urlencoded":
        fields = parse_qs(request.body.decode("latin-1"), encoding="latin-1")
        text = fields.get("body-mime", [""])[-1]
    else:
        file = request.FILES.get("body-mime")
        if isinstance(file, UploadedFile):
            return b"".join(file.chunks())
        text = request.POST.get("body-mime", "")
    return text.encode("latin-1") if text else None


def _keep(event: AnymailTrackingEvent) -> None:
    kind = REPORTED.get(event.event_type)
    if kind is None or not event.event_id:
        return
    reports.store(
        kind,
        event_id=f"mailgun:{event.event_id}",
        message_id=str(event.message_id or ""),
        recipient=str(event.recipient or "").lower(),
        says=str(event.mta_response or event.description or ""),
    )
