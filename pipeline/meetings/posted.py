"""What a service that records calls posts afterwards: `POST /hooks/meetings/<token>`.

It names the call by its `uid` (as the invitation has it) or its id, says whether the guest came,
and may bring what was said. What it says twice, or late, or after the operator said so, changes
nothing; what contradicts them is told. The words are kept and are nobody's orders.
"""

import uuid
from dataclasses import dataclass

from agency import clock
from control import alerts
from control.models import Alert
from jobs import bodies, registry
from jobs.bodies import Document, FieldError, Refused
from jobs.lease import Lease
from jobs.models import Delivery, Job, Lane
from pipeline.meetings import booking
from pipeline.models import DealNote, Meeting
from pipeline.selling import deals, notes

KIND = "pipeline.take_in_meeting"
SAYS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": None}


@dataclass(frozen=True)
class Posted:
    """What was said of which call; None where it does not say whether they came."""

    meeting: uuid.UUID
    attended: bool | None
    transcript: str


def read(content_type: str, body: bytes) -> Posted:
    """Return what a body says. Raises Refused (400, 415, 422), fields named."""
    document = bodies.parse(content_type, body)
    errors: list[FieldError] = []
    meeting = _meeting(document, errors)
    attended = _attended(document, errors)
    transcript = document.get("transcript") or ""
    if not isinstance(transcript, str):
        errors.append(FieldError("transcript", "must be text"))
    elif len(transcript) > notes.MOST:
        errors.append(FieldError("transcript", f"is longer than {notes.MOST:,} characters"))
    elif attended is None and not transcript.strip() and not errors:
        errors.append(FieldError("attended", "is missing; say true or false, or send a transcript"))
    if errors or meeting is None or not isinstance(transcript, str):
        what = ", ".join(error.field for error in errors)
        raise Refused(422, f"This cannot be taken in; see {what}.", *errors)
    return Posted(meeting, attended, transcript.strip())


def _meeting(document: Document, errors: list[FieldError]) -> uuid.UUID | None:
    uid, pk = document.get("uid"), document.get("meeting")
    field, named = ("uid", uid) if uid else ("meeting", pk)
    if not named or not isinstance(named, str):
        errors.append(FieldError(field, "is missing; the uid of the invitation, or the call's id"))
        return None
    found = Meeting.objects.filter(uid=named) if uid else Meeting.objects.none()
    if not uid:
        try:
            found = Meeting.objects.filter(pk=uuid.UUID(named))
        except ValueError:
            errors.append(FieldError(field, "is no id of a call"))
            return None
    meeting = found.values_list("pk", flat=True).first()
    if meeting is None:
        errors.append(FieldError(field, "names no call here"))
    return meeting


def _attended(document: Document, errors: list[FieldError]) -> bool | None:
    said = document.get("attended")
    if said is None or isinstance(said, bool):
        return said
    word = said.strip().lower() if isinstance(said, str) else str(said)
    if word not in SAYS:
        errors.append(FieldError("attended", "must be true or false"))
        return None
    return SAYS[word]


@registry.register(KIND, lane=Lane.FAST, short=True)
def take_in_meeting(job: Job, lease: Lease) -> None:
    """Keep what was said in a call, then say how it went."""
    delivery = Delivery.objects.select_related("endpoint").get(pk=job.payload["delivery_id"])
    posted = read(delivery.content_type, bytes(delivery.body))
    rows = Meeting.objects.select_for_update(of=("self",)).select_related("lead__client", "deal")
    meeting = rows.get(pk=posted.meeting)
    by = f"webhook:{delivery.endpoint.name}"
    if posted.transcript:
        deal = meeting.deal or deals.open_for(meeting.lead, by=by, parent=job)
        notes.add(deal, posted.transcript, kind=DealNote.Kind.TRANSCRIPT, by=by, meeting=meeting)
    if posted.attended or (posted.transcript and posted.attended is None):
        _came(meeting, by)
    elif posted.attended is False:
        _did_not_come(meeting, by)


def _came(meeting: Meeting, by: str) -> None:
    """Say that it took place, also where it was taken for missed."""
    if meeting.status == Meeting.Status.MISSED:
        booking.reopen(meeting, by=by)
        meeting.refresh_from_db()
    if not booking.hold(meeting, by=by) and meeting.status == Meeting.Status.CANCELLED:
        _contradicts(meeting, "It was cancelled, yet they came")


def _did_not_come(meeting: Meeting, by: str) -> None:
    """Say that they did not come; what was held, cancelled or moved to a later time stays so."""
    if meeting.starts_at > clock.now():
        return
    if not booking.miss(meeting, by=by) and meeting.status == Meeting.Status.HELD:
        _contradicts(meeting, "It counts as held, yet they are said not to have come")


def _contradicts(meeting: Meeting, what: str) -> None:
    alerts.raise_alert(
        f"meeting:contradiction:{meeting.pk}",
        f"{meeting}: two stories",
        body=f"{what}. Say on its page how it went.",
        severity=Alert.Severity.WARNING,
        url=f"/meetings/{meeting.pk}/",
    )
