"""What may be done about a call with a lead: book it, brief the operator on it."""

import datetime as dt
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from agency import clock, live
from agency.zones import validate_timezone
from control import kinds
from control.models import Action
from pipeline.kinds import letters
from pipeline.meetings import booking, words
from pipeline.models import Lead, Meeting


class BookParams(BaseModel):
    """The time a lead named, in whose zone, in which words, in which mail."""

    model_config = ConfigDict(extra="forbid")

    starts_at: AwareDatetime
    timezone: str
    quote: str = Field(max_length=300)
    mail: str

    @field_validator("timezone")
    @classmethod
    def known_zone(cls, value: str) -> str:
        """Refuse what is no time zone."""
        try:
            validate_timezone(value)
        except ValidationError as error:
            raise ValueError(error.messages[0]) from None
        return value


@kinds.register
class BookMeeting(kinds.ActionKind[BookParams]):
    """Book the call at the time a lead named; undo cancels it."""

    name = "book_meeting"
    label = "Booked calls"
    word = "Booking"
    params = BookParams
    stakes = Action.Stakes.MEDIUM
    auto_from_phase = 2
    emits = ("meeting.booked",)

    def summary(self, action: Action, params: BookParams) -> str:
        """Say with whom and when."""
        zone = words.zone_of(params.timezone)
        return f"Call with {letters.lead(action)} on {words.when(params.starts_at, zone)}"

    def consequence(self, action: Action, params: BookParams) -> str:
        """Say what follows."""
        return "The time is taken, and an invitation is written."

    def execute(self, action: Action, params: BookParams, guard: kinds.Guard) -> dict[str, Any]:
        """Book it, unless the time went meanwhile."""
        lead = letters.lead(action)
        guest = booking.Guest(
            name=lead.name, email=lead.email, phone=lead.phone, timezone=params.timezone, note=""
        )
        try:
            meeting = booking.book(lead, params.starts_at, guest=guest, by=action.agent)
        except (booking.SlotTaken, booking.NotOffered) as why:
            raise kinds.Blocked(str(why)) from why
        return {"meeting": str(meeting.pk)}

    def done(self, action: Action, params: BookParams) -> None:
        """Who named a time has been answered with it."""
        Lead.objects.filter(pk=action.subject_id).update(flagged_at=None)
        live.broadcast("leads", f"lead:{action.subject_id}")

    def undo(self, action: Action, params: BookParams) -> None:
        """Cancel the call; they are told."""
        meeting = about(action, action.effect.get("meeting", ""))
        if meeting.status != Meeting.Status.BOOKED:
            raise kinds.Blocked(f"the call is {meeting.get_status_display().lower()} already")
        booking.cancel(meeting, by="undo", reason="It was booked by mistake")


class BriefFact(BaseModel):
    """Something known of them, with where it stands."""

    model_config = ConfigDict(extra="forbid")

    claim: str = Field(max_length=400)
    quote: str = Field(default="", max_length=400)
    source: str = Field(max_length=500)


class BriefParams(BaseModel):
    """One page before a call."""

    model_config = ConfigDict(extra="forbid")

    meeting: str
    who: str = Field(max_length=400)
    why: str = Field(max_length=800)
    ask: list[str] = Field(max_length=8)
    facts: list[BriefFact] = Field(max_length=15)


@kinds.register
class BriefOperator(kinds.ActionKind[BriefParams]):
    """Write the operator's page before a call: who, why now, what is known, what to ask."""

    name = "brief_operator"
    label = "Briefs"
    params = BriefParams
    stakes = Action.Stakes.LOW
    auto_from_phase = 1

    def summary(self, action: Action, params: BriefParams) -> str:
        """Say about whom."""
        return f"Brief on {letters.lead(action)}"

    def consequence(self, action: Action, params: BriefParams) -> str:
        """Say what follows."""
        return "It stands on the call's page and is mailed to you an hour before."

    def already(self, action: Action, params: BriefParams) -> str:
        """One page for each call, unless it was sent back."""
        about(action, params.meeting, lock=True)
        return "this call has its brief" if written_before(action, meeting=params.meeting) else ""

    def execute(self, action: Action, params: BriefParams, guard: kinds.Guard) -> dict[str, Any]:
        """Write it on the call."""
        meeting = about(action, params.meeting, lock=True)
        written = meeting.brief_at
        action.before = {
            "brief": meeting.brief,
            "brief_at": written.isoformat() if written else None,
        }
        meeting.brief = params.model_dump(exclude={"meeting"})
        meeting.brief_at = clock.wall()
        meeting.save(update_fields=["brief", "brief_at"])
        return {"meeting": params.meeting}

    def done(self, action: Action, params: BriefParams) -> None:
        """Show it."""
        live.broadcast("meetings", f"meeting:{params.meeting}")

    def undo(self, action: Action, params: BriefParams) -> None:
        """Put the former brief back."""
        meeting = about(action, params.meeting, lock=True)
        then = action.before["brief_at"]
        meeting.brief = action.before["brief"]
        meeting.brief_at = dt.datetime.fromisoformat(then) if then else None
        meeting.save(update_fields=["brief", "brief_at"])
        live.broadcast("meetings", f"meeting:{params.meeting}")


def about(action: Action, pk: str, *, lock: bool = False) -> Meeting:
    """Return the call with the action's lead. Raises Blocked if there is none."""
    rows = Meeting.objects.select_for_update(of=("self",)) if lock else Meeting.objects
    found = rows.filter(pk=pk, lead=UUID(action.subject_id)).first()
    if found is None:
        raise kinds.Blocked("there is no such call with them")
    return found


def written_before(action: Action, **same: Any) -> bool:
    """Whether the same was proposed to the lead before, whatever became of it."""
    earlier = Action.objects.filter(
        kind=action.kind,
        subject_type=action.subject_type,
        subject_id=action.subject_id,
        params__contains=same,
    ).exclude(pk=action.pk)
    return earlier.exclude(status=Action.Status.REVISE).exists()
