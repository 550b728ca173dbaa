"""The link to a proposal's page: signed, without a login; whoever has it may read and sign."""

from uuid import UUID

from django.conf import settings
from django.core import signing
from django.urls import reverse

from pipeline.models import Proposal

_signer = signing.Signer(sep=".", salt="pipeline.proposal")


class BadToken(Exception):
    """This link was not made here, or is not whole."""


def token(pk: UUID) -> str:
    """Return what the link holds. It stays good for ever; the page says what can still be done."""
    return _signer.sign(pk.hex)


def path(pk: UUID) -> str:
    """Return the page's path."""
    return reverse("proposal-public", args=[token(pk)])


def url(pk: UUID) -> str:
    """Return the link for a mail."""
    return f"{settings.PUBLIC_URL}{path(pk)}"


def read(text: str) -> Proposal:
    """Return the proposal of a token. Raises BadToken."""
    try:
        pk = UUID(_signer.unsign(text))
    except (signing.BadSignature, ValueError) as error:
        raise BadToken from error
    found = (
        Proposal.objects.select_related("deal__lead", "package", "signature")
        .defer("signature__pdf")
        .filter(pk=pk)
        .first()
    )
    if found is None:
        raise BadToken
    return found
