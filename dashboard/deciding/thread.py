"""What a person wrote and what they were answered, newest first, beside a draft to them."""

import datetime as dt
from dataclasses import dataclass

from django.db.models import Q, Subquery

from control.models import Action
from pipeline.models import Lead

MOST = 6


@dataclass(frozen=True)
class Letter:
    """One message of a thread."""

    who: str
    at: dt.datetime
    subject: str
    text: str
    ours: bool


def of(lead_id: str) -> tuple[Lead | None, list[Letter]]:
    """Return a lead, and what was written to and fro: its own message first, then the older."""
    this = Lead.objects.filter(pk=lead_id)
    same_person = Q(email=Subquery(this.values("email")[:1])) & ~Q(email="")
    until = Subquery(this.values("received_at")[:1])
    found = Lead.objects.filter(Q(pk=lead_id) | (same_person & Q(received_at__lt=until)))
    leads = list(found.order_by("-received_at")[: MOST + 1])
    lead = next((one for one in leads if str(one.pk) == lead_id), None)
    if lead is None:
        return None, []
    older = [_wrote(one) for one in leads if one is not lead]
    if any(one.answered_at for one in leads):
        older += _answers([str(one.pk) for one in leads])
    older = [letter for letter in older if letter.text]
    return lead, [_wrote(lead), *sorted(older, key=lambda one: one.at, reverse=True)[:MOST]]


def _answers(lead_ids: list[str]) -> list[Letter]:
    sent = Action.objects.filter(
        subject_type=Lead._meta.label_lower,
        subject_id__in=lead_ids,
        status=Action.Status.DONE,
        outward=True,
    )
    return [_answered(action) for action in sent.order_by("-created_at")[:MOST]]


def _wrote(lead: Lead) -> Letter:
    return Letter(str(lead), lead.received_at, lead.subject, lead.message, False)


def _answered(action: Action) -> Letter:
    sent = action.rendered
    at = action.finished_at or action.created_at
    return Letter("You", at, str(sent.get("subject", "")), str(sent.get("body", "")), True)
