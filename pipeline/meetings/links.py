"""The links of a booking: signed, without a login, each good for one lead or one meeting."""

import base64
import binascii
import uuid

from django.conf import settings
from django.core import signing
from django.urls import reverse

from agency.models import AgencyProfile
from pipeline.models import Lead, Meeting

_leads = signing.Signer(sep=".", salt="pipeline.booking.lead")
_meetings = signing.Signer(sep=".", salt="pipeline.booking.meeting")


class BadToken(Exception):
    """This link was not made here, or is not whole."""


def page_url() -> str:
    """Return the booking page for anybody."""
    return f"{settings.PUBLIC_URL}{reverse('book')}"


def book_url(lead: Lead) -> str:
    """Return the booking page that knows this lead."""
    return f"{settings.PUBLIC_URL}{reverse('book-lead', args=[lead_token(lead)])}"


def invite_url(lead: Lead) -> str:
    """Return where a lead is sent to book: the operator's own link if there is one, else ours."""
    return AgencyProfile.load().booking_url or book_url(lead)


def meeting_url(meeting: Meeting) -> str:
    """Return the page on which a guest sees, moves or cancels their call."""
    return f"{settings.PUBLIC_URL}{reverse('meeting-guest', args=[meeting_token(meeting)])}"


def lead_token(lead: Lead) -> str:
    """Return what the link of a lead holds."""
    return _token(_leads, lead.pk)


def meeting_token(meeting: Meeting) -> str:
    """Return what the link of a meeting holds."""
    return _token(_meetings, meeting.pk)


def read_lead(token: str) -> Lead:
    """Return whose link it is. Raises BadToken."""
    found = Lead.objects.filter(pk=_read(_leads, token)).first()
    if found is None:
        raise BadToken
    return found


def read_meeting(token: str) -> Meeting:
    """Return which meeting's link it is. Raises BadToken."""
    found = Meeting.objects.select_related("lead").filter(pk=_read(_meetings, token)).first()
    if found is None:
        raise BadToken
    return found


def _token(signer: signing.Signer, pk: uuid.UUID) -> str:
    return signer.sign(base64.urlsafe_b64encode(pk.bytes).rstrip(b"=").decode())


def _read(signer: signing.Signer, token: str) -> uuid.UUID:
    try:
        return uuid.UUID(bytes=base64.urlsafe_b64decode(signer.unsign(token) + "=="))
    except (signing.BadSignature, binascii.Error, ValueError) as error:
        raise BadToken from error
