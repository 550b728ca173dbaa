"""What a mail that came in is about: which of our mails, whom, and which conversation."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from agency.models import AgencyProfile
from control.models import Action
from pipeline.models import (
    Contact,
    Deal,
    InboundMail,
    Lead,
    Mailbox,
    Prospect,
    ProspectKey,
    SequenceStep,
    Thread,
    Touch,
)

_OWN_ID = re.compile(r"<([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@")


@dataclass
class About:
    """A mail of ours, and to whom it went; all empty when it is about nothing of ours.

    `address` is where we wrote to. `touch` is missing while the mail is not yet recorded as sent.
    """

    touch: Touch | None = None
    action: Action | None = None
    prospect: Prospect | None = None
    lead: Lead | None = None
    thread: Thread | None = None
    address: str = ""

    def __bool__(self) -> bool:
        return self.prospect is not None or self.lead is not None


def of_ids(ids: Sequence[str]) -> About:
    """Return what these message ids are about, the first ones first.

    Locks the row of a mail that may still be on its way out, so that whoever records it as sent
    comes before or after the caller's transaction, never in the middle of it.
    """
    about = About()
    wanted = [found for found in ids if found]
    if not wanted:
        return about
    about.action = _action(wanted)
    touches = {touch.message_id: touch for touch in _touches().filter(message_id__in=wanted)}
    about.touch = next((touches[found] for found in wanted if found in touches), None)
    earlier = InboundMail.objects.filter(message_id__in=wanted, thread__isnull=False)
    mail = earlier.select_related("thread").order_by("-pk").first()
    about.thread = mail.thread if mail is not None else None
    if about.touch is not None:
        about.prospect, about.address = about.touch.prospect, about.touch.to_address
    elif about.action is not None:
        about.prospect, about.lead = _subject(about.action)
        about.address = str(about.action.rendered.get("to_email", "")).lower()
    return with_thread(about)


def of_sender(address: str) -> About:
    """Return what somebody writes about who answers nothing: by their address, then their company.

    Anybody can write under any address; so nothing but an earlier stop may follow from this.
    """
    about = About()
    if not address or _is_own(address):
        return about
    about.thread = Thread.objects.filter(address=address).order_by("-last_at").first()
    about.touch = _touches().filter(to_address=address).order_by("-sent_at").first()
    about.prospect = about.touch.prospect if about.touch is not None else _prospect(address)
    if about.touch is None and about.prospect is not None:
        about.touch = _touches().filter(prospect=about.prospect).order_by("-sent_at").first()
    about.lead = Lead.objects.filter(email=address).order_by("-received_at").first()
    about.address = address
    return with_thread(about)


def _touches() -> QuerySet[Touch]:
    return Touch.objects.filter(channel=SequenceStep.Channel.EMAIL).select_related("prospect")


def _action(ids: Sequence[str]) -> Action | None:
    """Return the action whose mail has one of these ids: each is made of its action's own."""
    keys = [uuid.UUID(found[1]) for text in ids if (found := _OWN_ID.match(text))]
    if not keys:
        return None
    rows = Action.objects.select_for_update(no_key=True).filter(pk__in=keys, channel="email")
    by_id = {action.rendered.get("message_id"): action for action in rows.order_by("pk")}
    return next((by_id[text] for text in ids if text in by_id), None)


def _subject(action: Action) -> tuple[Prospect | None, Lead | None]:
    if action.subject_type == "pipeline.prospect":
        return Prospect.objects.filter(pk=action.subject_id).first(), None
    if action.subject_type == "pipeline.lead":
        return None, Lead.objects.filter(pk=action.subject_id).first()
    if action.subject_type == "pipeline.deal":
        deal = Deal.objects.select_related("lead", "prospect").filter(pk=action.subject_id).first()
        return (deal.prospect, deal.lead) if deal is not None else (None, None)
    return None, None


def _prospect(address: str) -> Prospect | None:
    """Return the prospect with this address, or of this company."""
    contact = Contact.objects.filter(email=address).select_related("prospect").first()
    if contact is not None:
        return contact.prospect
    labels = address.rpartition("@")[2].split(".")
    domains = [".".join(labels[start:]) for start in range(len(labels) - 1)]
    key = (
        ProspectKey.objects.filter(kind=ProspectKey.Kind.EMAIL, value=address).first()
        or ProspectKey.objects.filter(kind=ProspectKey.Kind.DOMAIN, value__in=domains).first()
    )
    return key.prospect if key is not None else None


def _is_own(address: str) -> bool:
    profile = AgencyProfile.load()
    own = {profile.sender_email.lower(), profile.reply_to.lower(), profile.operator_email.lower()}
    return address in own or Mailbox.objects.filter(from_email=address).exists()


def with_thread(about: About) -> About:
    """Follow a merged prospect, and take from the conversation whom it is with."""
    while about.prospect is not None and about.prospect.merged_into is not None:
        about.prospect = about.prospect.merged_into
    if about.thread is not None:
        about.prospect = about.prospect or about.thread.prospect
        about.lead = about.lead or about.thread.lead
    return about
