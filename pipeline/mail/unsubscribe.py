"""The link that ends cold mail to an address: signed, without a login, and honoured for good.

RFC 8058: a mail provider posts to it by itself, with no cookies, when the reader presses its
button. A scanner that only opens it changes nothing.
"""

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.urls import reverse

from pipeline.mail import correspondence, returns
from pipeline.mail.correspondence import About
from pipeline.models import Contact, SequenceStep, Touch

_signer = signing.Signer(sep=".", salt="pipeline.unsubscribe")


class BadToken(Exception):
    """This link was not made here, or is not whole."""


def token(contact: Contact) -> str:
    """Return what the link holds: contact and address, signed. It stays good for ever."""
    return _signer.sign_object([contact.pk, contact.email.lower()])


def url(contact: Contact) -> str:
    """Return the link for the foot of a mail."""
    return f"{settings.PUBLIC_URL}{reverse('unsubscribe', args=[token(contact)])}"


def address(text: str) -> str:
    """Return the address a token is for. Raises BadToken."""
    return _read(text)[1]


def honour(text: str) -> str:
    """Suppress the address and stop its sequence; again changes nothing. Raises BadToken.

    Return the address. What has not left yet is withdrawn, approved or not.
    """
    pk, found = _read(text)
    with transaction.atomic():
        returns.unsubscribed(_about(pk, found), how="by the link in a mail")
    return found


def _read(text: str) -> tuple[int, str]:
    try:
        pk, found = _signer.unsign_object(text)
    except (signing.BadSignature, ValueError) as error:
        raise BadToken from error
    return int(pk), str(found)


def _about(pk: int, found: str) -> About:
    contact = Contact.objects.filter(pk=pk).select_related("prospect").first()
    if contact is None:
        return correspondence.of_sender(found)
    mails = Touch.objects.filter(channel=SequenceStep.Channel.EMAIL, to_address=found)
    touch = mails.select_related("prospect").order_by("-sent_at").first()
    about = About(touch=touch, prospect=contact.prospect, address=found)
    return correspondence.with_thread(about)
