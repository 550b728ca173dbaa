"""Letters about a call with a lead: times offered, invitations, reminders, new times."""

from typing import Any, Literal, TypeVar

from django.db.models.functions import Coalesce
from pydantic import AwareDatetime, Field

from agency import clock, live
from control import kinds
from control.models import Action
from pipeline.kinds import letters
from pipeline.kinds.meetings import about, written_before
from pipeline.meetings import ics, words
from pipeline.models import Meeting


class OfferParams(letters.LetterParams):
    """Times that are free, in the lead's zone, and the words around them."""

    slots: list[AwareDatetime] = Field(max_length=5)
    timezone: str
    answers: str = Field(default="", description="The mail that asked for times.")


class RecoverParams(OfferParams):
    """New times after a call they did not come to."""

    meeting: str


class CallParams(letters.LetterParams):
    """A letter about a call as it stood at a revision."""

    meeting: str
    revision: int = Field(ge=0)


class InvitationParams(CallParams):
    """An invitation or its end, as calendars understand it."""

    method: Literal["REQUEST", "CANCEL"]


class RemindParams(CallParams):
    """A reminder a day or an hour before."""

    which: Literal["day", "hour"]


C = TypeVar("C", bound=CallParams)


@kinds.register
class OfferTimes(letters.LetterToLead[OfferParams]):
    """Offer a lead three times and the booking link."""

    name = "offer_times"
    label = "Offered times"
    word = "Offer"
    params = OfferParams
    auto_from_phase = 2
    emits = ("lead.answered",)

    def summary(self, action: Action, params: OfferParams) -> str:
        """Say to whom."""
        return f"Times for a call to {letters.lead(action)}: {params.subject}"

    def done(self, action: Action, params: OfferParams) -> None:
        """They were written to."""
        letters.answered(action)


@kinds.register
class RecoverNoShow(letters.LetterToLead[RecoverParams]):
    """Offer new times to somebody who did not come."""

    name = "recover_no_show"
    label = "New times"
    word = "New times"
    params = RecoverParams
    auto_from_phase = 2
    one_of_many = True

    def summary(self, action: Action, params: RecoverParams) -> str:
        """Say to whom."""
        return f"New times to {letters.lead(action)}, who did not come"

    def already(self, action: Action, params: RecoverParams) -> str:
        """Ask nobody twice."""
        return _twice(action, params.meeting)

    def done(self, action: Action, params: RecoverParams) -> None:
        """Note on the call that they were offered another."""
        letters.answered(action)
        Meeting.objects.filter(pk=params.meeting).update(
            recovered_at=Coalesce("recovered_at", clock.now())
        )
        live.broadcast("meetings", f"meeting:{params.meeting}")


class AboutCall(letters.LetterToLead[C]):
    """A letter that comes with a call, wanted or not: it is told to whoever booked."""

    message_class = "transactional"

    def addressee(self, action: Action, params: C) -> tuple[str, str]:
        """Return the guest: who books may give another address than the one they wrote from."""
        meeting = about(action, params.meeting)
        return meeting.guest_name, meeting.guest_email

    def done(self, action: Action, params: C) -> None:
        """Show that it went out."""
        live.broadcast("meetings", f"meeting:{params.meeting}", "mailbox")


@kinds.register
class SendInvitation(AboutCall[InvitationParams]):
    """Send the call as a calendar file: booked, moved or cancelled."""

    name = "send_invitation"
    label = "Invitations"
    word = "Invitation"
    params = InvitationParams
    auto_from_phase = 2
    one_of_many = True

    def summary(self, action: Action, params: InvitationParams) -> str:
        """Say whom and what."""
        meeting = about(action, params.meeting)
        who = meeting.guest_name or meeting.guest_email
        if params.method == "CANCEL":
            return f"Tell {who} that the call is cancelled"
        what = "new time" if params.revision else "invitation"
        zone = words.zone_of(meeting.guest_timezone)
        return f"The {what} to {who}: {words.when(meeting.starts_at, zone)}"

    def files(self, action: Action, params: InvitationParams) -> list[dict[str, str]]:
        """Return the calendar file."""
        meeting = about(action, params.meeting)
        return [
            {
                "filename": "call.ics",
                "content_type": "text/calendar",
                "content": ics.invitation(meeting, params.method).decode(),
                "method": params.method,
            }
        ]

    def render(self, action: Action, params: InvitationParams) -> dict[str, Any]:
        """Keep the calendar file of a revision: made anew it would differ in its own time only."""
        rendered = super().render(action, params)
        kept = action.rendered.get("files") if action.rendered else None
        return rendered | {"files": kept} if kept else rendered

    def already(self, action: Action, params: InvitationParams) -> str:
        """Ask for one invitation to each revision, however often its event came."""
        return _twice(action, params.meeting, revision=params.revision, method=params.method)


@kinds.register
class Remind(AboutCall[RemindParams]):
    """Remind whoever booked, a day and an hour before."""

    name = "remind"
    label = "Reminders"
    word = "Reminder"
    params = RemindParams
    auto_from_phase = 2
    one_of_many = True

    def summary(self, action: Action, params: RemindParams) -> str:
        """Say whom and when."""
        meeting = about(action, params.meeting)
        who = meeting.guest_name or meeting.guest_email
        return f"Remind {who} {'a day' if params.which == 'day' else 'an hour'} before the call"

    def already(self, action: Action, params: RemindParams) -> str:
        """Remind once, however often the hour was told."""
        return _twice(action, params.meeting, revision=params.revision, which=params.which)


def _twice(action: Action, meeting: str, **same: Any) -> str:
    """Return that the same was proposed already; two who propose at once take the call in turn."""
    about(action, meeting, lock=True)
    found = written_before(action, meeting=meeting, **same)
    return "this was written for the call already" if found else ""
