"""What a letter about a call must satisfy: the call stands as it says, and its times are free."""

from typing import Any

from agency import clock
from control import policy
from control.models import Action
from integrations import mail
from pipeline.kinds.calls import (
    CallParams,
    InvitationParams,
    OfferParams,
    RecoverParams,
    RemindParams,
)
from pipeline.meetings import availability, words
from pipeline.models import BookingRules, Meeting


@policy.compliance("transactional")
def says_how_the_call_stands(action: Action, params: Any) -> str | None:
    """Require that nothing happened to the call since it was written about."""
    if not isinstance(params, CallParams):
        return None
    meeting = Meeting.objects.filter(pk=params.meeting).first()
    if meeting is None:
        return "the call is no longer there"
    if meeting.world != mail.world():
        return f"{meeting.world} calls get no {mail.world()} mail"
    ends = isinstance(params, InvitationParams) and params.method == "CANCEL"
    if meeting.status != (Meeting.Status.CANCELLED if ends else Meeting.Status.BOOKED):
        return f"the call is {meeting.get_status_display().lower()}"
    if meeting.revision != params.revision:
        return "the call was moved since"
    if isinstance(params, RemindParams) and meeting.starts_at <= clock.now():
        return "the call has begun"
    return None


@policy.compliance("reply")
def did_not_come(action: Action, params: Any) -> str | None:
    """Offer new times only to somebody of whom it still stands that they did not come."""
    if not isinstance(params, RecoverParams):
        return None
    missed = Meeting.objects.filter(pk=params.meeting, status=Meeting.Status.MISSED)
    return None if missed.exists() else "the call no longer stands as missed"


@policy.compliance("reply")
def offers_what_is_free(action: Action, params: Any) -> str | None:
    """Offer no time that has passed or that somebody else has."""
    if not isinstance(params, OfferParams):
        return None
    free = {one.starts_at for one in availability.slots(BookingRules.load(), now=clock.now())}
    gone = [moment for moment in params.slots if moment not in free]
    if not gone:
        return None
    when = words.when(gone[0], words.zone_of(params.timezone))
    return f"{when} is no longer free; send it back and it is written with new times"
