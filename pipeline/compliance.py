"""What every message must satisfy, whoever wants it sent: cold ones most, replies less.

The hours and the warm-up of cold mail are no objections but waits, see pipeline/writing/windows.py.
"""

import datetime as dt
from typing import Any
from uuid import UUID

from agency import clock
from agency.models import AgencyProfile
from control import policy
from control.models import Action
from integrations import mail
from pipeline.mail import suppressions
from pipeline.models import Deal, Enrollment, Lead, Mailbox, Prospect, Touch

BETWEEN_SEQUENCES = dt.timedelta(days=7)


@policy.compliance("cold", "reply", "transactional")
def names_its_sender(action: Action, params: Any) -> str | None:
    """Require who writes and from where (CAN-SPAM Act, 15 U.S.C. 7704(a)(5))."""
    profile = AgencyProfile.load()
    if not profile.sender_email or not profile.postal_address:
        return "your sender address or postal address is missing in Settings"
    if profile.is_sample and mail.world() == "real":
        return "the profile still holds sample data; fill in your own in Settings"
    sender = str(action.rendered.get("from_email", ""))
    if not mail.can_reach(sender):
        return f"{sender} is no address that real mail can come from"
    return None


@policy.compliance("cold", "reply", "transactional")
def has_a_recipient(action: Action, params: Any) -> str | None:
    """Require an address to write to."""
    address = str(action.rendered.get("to_email", ""))
    if not address:
        return "there is no e-mail address to write to"
    if not mail.can_reach(address):
        return f"no mail can be sent to {address}"
    return None


@policy.compliance("reply")
def suppressed_unless_they_wrote_since(action: Action, params: Any) -> str | None:
    """A suppressed person is answered only if they wrote after being suppressed."""
    latest = suppressions.of(str(action.rendered.get("to_email", "")))
    if latest is None:
        return None
    lead = _lead(action)
    # A row of a file says nothing of whether they wrote to us, nor when.
    if lead is not None and not lead.brought_by_id and lead.received_at > latest.created_at:
        return None
    return f"{latest.value} is suppressed: {latest.reason}"


def _lead(action: Action) -> Lead | None:
    of_deal = action.subject_type == Deal._meta.label_lower
    wanted = {"deals": action.subject_id} if of_deal else {"pk": action.subject_id}
    return Lead.objects.filter(**wanted).first()


@policy.compliance("transactional")
def takes_mail(action: Action, params: Any) -> str | None:
    """Write to no address that gave mail back; to be left alone by cold mail changes nothing.

    What comes with something a person booked or signed is no advertising (16 CFR 316.3(c)).
    """
    returned = suppressions.that_came_back(str(action.rendered.get("to_email", "")))
    return f"mail to {returned.value} came back" if returned else None


@policy.compliance("cold")
def stays_in_its_world(action: Action, params: Any) -> str | None:
    """Keep people of the sandbox out of real mail, and real people out of the sandbox."""
    prospect = Prospect.objects.filter(pk=action.subject_id).first()
    if prospect is None:
        return "the prospect is no longer there"
    if prospect.world != mail.world():
        return f"{prospect.world} prospects get no {mail.world()} mail"
    return None


@policy.compliance("cold")
def still_in_sequence(action: Action, params: Any) -> str | None:
    """Require that the sequence stands where this step is: any answer ends it."""
    found = Enrollment.objects.filter(
        pk=params.enrollment, prospect=UUID(action.subject_id)
    ).first()
    if found is None:
        return "they are in no sequence"
    if found.status != Enrollment.Status.ACTIVE:
        why = Enrollment.Stop(found.stop_reason).label.lower() if found.stop_reason else "it ended"
        return f"their sequence is over: {why}"
    if found.position != params.position:
        return "this step is behind them already"
    if not found.sequence.active:
        return "the sequence is paused"
    return None


@policy.compliance("cold")
def not_suppressed(action: Action, params: Any) -> str | None:
    """Leave alone who asked for it, by address, domain, company or word."""
    prospect = Prospect.objects.filter(pk=action.subject_id).first()
    company = prospect.name if prospect else ""
    found = suppressions.of(str(action.rendered.get("to_email", "")), company)
    return f"{found.value} is suppressed: {found.reason}" if found else None


@policy.compliance("cold")
def not_again_within_a_week(action: Action, params: Any) -> str | None:
    """Allow one mail a person in 7 days outside a sequence."""
    address = str(action.rendered.get("to_email", ""))
    recent = Touch.objects.filter(
        to_address=address.lower(),
        channel="email",
        sent_at__gt=clock.now() - BETWEEN_SEQUENCES,
    ).exclude(enrollment=params.enrollment)
    if recent.exists():
        return "they got a mail of another sequence in the last 7 days"
    on_its_way = Action.objects.filter(
        kind=action.kind,
        outward=True,
        status__in=[Action.Status.EXECUTING, Action.Status.UNKNOWN],
        rendered__to_email=address,
    ).exclude(pk=action.pk)
    if on_its_way.exclude(params__enrollment=params.enrollment).exists():
        return "a mail of another sequence is on its way to them, or may have arrived"
    return None


@policy.compliance("cold")
def says_how_to_be_left_alone(action: Action, params: Any) -> str | None:
    """Require postal address and a visible way out (15 U.S.C. 7704(a)(5); RFC 8058)."""
    profile = AgencyProfile.load()
    link, footer = str(action.rendered.get("unsubscribe", "")), str(action.rendered.get("footer"))
    if not link or link not in footer:
        return "the way to unsubscribe is missing"
    if profile.postal_address not in footer:
        return "the postal address in it is not the one in Settings any more"
    return None


@policy.compliance("cold")
def its_mailbox_sends(action: Action, params: Any) -> str | None:
    """Require the mailbox, where there is one, to be active."""
    sender = str(action.rendered.get("from_email", ""))
    if Mailbox.objects.filter(from_email=sender, active=False).exists():
        return f"the mailbox {sender} is paused"
    return None
