"""What every message to a lead must satisfy, whoever wants it sent."""

from typing import Any

from agency.models import AgencyProfile
from control import policy
from control.models import Action
from integrations import mail
from pipeline.models import Lead, Suppression


@policy.compliance("reply", "transactional")
def names_its_sender(action: Action, params: Any) -> str | None:
    """Require who writes and from where (CAN-SPAM Act, 15 U.S.C. 7704(a)(5))."""
    profile = AgencyProfile.load()
    if not profile.sender_email or not profile.postal_address:
        return "your sender address or postal address is missing in Settings"
    if profile.is_sample and mail.world() == "real":
        return "the profile still holds sample data; fill in your own in Settings"
    return None


@policy.compliance("reply", "transactional")
def has_a_recipient(action: Action, params: Any) -> str | None:
    """Require an address to write to."""
    address = str(action.rendered.get("to_email", ""))
    if not address:
        return "the lead left no e-mail address"
    if not mail.can_reach(address):
        return f"no mail can be sent to {address}"
    return None


@policy.compliance("reply")
def suppressed_unless_they_wrote_since(action: Action, params: Any) -> str | None:
    """A suppressed person is answered only if they wrote after being suppressed."""
    address = str(action.rendered.get("to_email", "")).lower()
    domain = address.rpartition("@")[2]
    found = Suppression.objects.filter(
        scope=Suppression.Scope.ADDRESS, value__iexact=address
    ) | Suppression.objects.filter(scope=Suppression.Scope.DOMAIN, value__iexact=domain)
    latest = found.order_by("-created_at").first()
    if latest is None:
        return None
    lead = Lead.objects.filter(pk=action.subject_id).first()
    if lead is not None and lead.received_at > latest.created_at:
        return None
    return f"{latest.value} is suppressed: {latest.reason}"
