"""What the Booker reads: the lead, its calls, what was written about them, which times are free."""

import datetime as dt
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel

from agency import clock
from agency.models import AgencyProfile
from control.models import Action
from pipeline.meetings import availability, links, words
from pipeline.models import BookingRules, InboundMail, Lead, Meeting, Prospect
from pipeline.selling import deals

MOST_SLOTS = 400
MOST_CALLS = 5
MOST_FACTS = 10
ANSWER_CHARS = 4_000
OFFERED = 3

KINDS = (
    *("offer_times", "book_meeting", "send_invitation", "remind", "recover_no_show"),
    "brief_operator",
)


class Call(BaseModel):
    """A call, and what is still to be written about it."""

    pk: str
    status: str
    revision: int
    day: str
    guest: str
    zone: str
    location: str
    note: str = ""
    link: str
    cancelled_by: str = ""
    reason: str = ""
    ahead: bool
    invited: bool
    remind: Literal["", "day", "hour"] = ""
    briefed: bool
    recovered: bool


class Answer(BaseModel):
    """What they wrote back last, if nothing came of it yet."""

    mail: str
    text: str


class Known(BaseModel):
    """Something known of them, their own words where there are any, and where it stands."""

    claim: str
    quote: str = ""
    source: str


class BookerFacts(BaseModel):
    """All that a run looks at; times are business time."""

    now: dt.datetime
    name: str
    company: str
    place: str = ""
    industry: str = ""
    employees: int | None = None
    subject: str
    message: str
    why: str = ""
    lacking: list[str] = []
    known: list[Known] = []
    open: bool
    qualified: bool
    zone: str
    minutes: int
    link: str
    slots: list[dt.datetime] = []
    offer: list[dt.datetime] = []
    offered: list[dt.datetime] = []
    offer_due: bool = False
    answer: Answer | None = None
    calls: list[Call] = []
    agency: str
    sender: str

    def ahead(self) -> bool:
        """Whether a call with them is to come."""
        return any(call.ahead for call in self.calls)


def read(lead: Lead) -> BookerFacts:
    """Return the lead with its calls, what was written about them, and the times that are free."""
    profile, rules, now = AgencyProfile.load(), BookingRules.load(), clock.now()
    done = list(_written(lead))
    rows = list(lead.meetings.order_by("-starts_at")[:MOST_CALLS])
    calls = [_call(meeting, done, now) for meeting in rows]
    zone = _zone(lead, rows)
    prospect = deals.prospect_of(lead)
    offered = [one for one in done if one.kind in ("offer_times", "recover_no_show")]
    return BookerFacts(
        now=now,
        name=lead.name,
        company=lead.company,
        place=prospect.place if prospect else str(lead.fields.get("place", "")),
        industry=prospect.industry if prospect else str(lead.fields.get("industry", "")),
        employees=prospect.employees if prospect else None,
        subject=lead.subject,
        message=lead.message[:ANSWER_CHARS],
        why=lead.score_reason,
        lacking=_lacking(lead),
        known=[*_said(lead), *_found(prospect)],
        open=lead.outcome == Lead.Outcome.OPEN and lead.client_id is None and bool(lead.email),
        qualified=lead.status == Lead.Status.QUALIFIED,
        zone=zone,
        minutes=rules.slot_minutes,
        link=links.invite_url(lead),
        slots=[one.starts_at for one in availability.slots(rules, now=now)[:MOST_SLOTS]],
        offer=[one.starts_at for one in availability.offer(OFFERED, zone)],
        offered=[dt.datetime.fromisoformat(at) for at in offered[-1].params["slots"]]
        if offered
        else [],
        offer_due=lead.unbooked_at is not None
        and not any(one.created_at >= lead.unbooked_at for one in offered),
        answer=_answer(lead, rows, done),
        calls=calls,
        agency=profile.name,
        sender=profile.sender_name,
    )


def _written(lead: Lead) -> Iterable[Action]:
    """Return what was proposed before and not sent back, the oldest first."""
    rows = Action.objects.filter(
        subject_type=Lead._meta.label_lower, subject_id=str(lead.pk), kind__in=KINDS
    )
    rows = rows.exclude(status=Action.Status.REVISE).order_by("created_at", "pk")
    return rows.only("kind", "params", "created_at")


def _call(meeting: Meeting, done: list[Action], now: dt.datetime) -> Call:
    zone = words.zone_of(meeting.guest_timezone)
    booked = meeting.status == Meeting.Status.BOOKED
    return Call(
        pk=str(meeting.pk),
        status=meeting.status,
        revision=meeting.revision,
        day=words.when(meeting.starts_at, zone),
        guest=meeting.guest_name,
        zone=zone.key,
        location=meeting.location,
        note=meeting.guest_note,
        link=links.meeting_url(meeting),
        cancelled_by=meeting.cancelled_by,
        reason=meeting.cancel_reason,
        ahead=booked and meeting.starts_at > now,
        invited=_was(done, "send_invitation", meeting, revision=meeting.revision),
        remind=_reminder(meeting, done) if booked and meeting.starts_at > now else "",
        briefed=meeting.brief_at is not None or _was(done, "brief_operator", meeting),
        recovered=_was(done, "recover_no_show", meeting),
    )


def _was(done: list[Action], kind: str, meeting: Meeting, **same: Any) -> bool:
    wanted = {"meeting": str(meeting.pk), **same}
    return any(
        one.kind == kind and all(one.params.get(name) == value for name, value in wanted.items())
        for one in done
    )


def _reminder(meeting: Meeting, done: list[Action]) -> Literal["", "day", "hour"]:
    """Return which reminder was told to be due and is not written; of two the closer one."""
    told: list[tuple[Literal["day", "hour"], dt.datetime | None]] = [
        ("hour", meeting.reminded_hour_at),
        ("day", meeting.reminded_day_at),
    ]
    for which, at in told:
        if at is not None:
            same = {"revision": meeting.revision, "which": which}
            return "" if _was(done, "remind", meeting, **same) else which
    return ""


def _zone(lead: Lead, calls: list[Meeting]) -> str:
    """Return their zone: of their last call, as they said, or the agency's."""
    named = calls[0].guest_timezone if calls else lead.timezone
    return words.zone_of(named).key


def _answer(lead: Lead, calls: list[Meeting], done: list[Action]) -> Answer | None:
    """Return the last mail they wrote since they were answered, unless it had its consequence."""
    if lead.answered_at is None:
        return None
    wrote = InboundMail.objects.filter(
        lead=lead, kind=InboundMail.Kind.REPLY, received_at__gt=lead.answered_at
    )
    mail = wrote.order_by("-received_at", "-pk").only("text", "received_at").first()
    if mail is None or any(call.created_at > mail.received_at for call in calls):
        return None
    pk = str(mail.pk)
    if any(pk in (one.params.get("mail"), one.params.get("answers")) for one in done):
        return None
    return Answer(mail=pk, text=mail.text[:ANSWER_CHARS])


def _lacking(lead: Lead) -> list[str]:
    """Return the signals that did not show in what they wrote."""
    parts = lead.score_parts if isinstance(lead.score_parts, list) else []
    return [part["signal"] for part in parts if part.get("max", 0) > 0 and not part["points"]]


def _said(lead: Lead) -> list[Known]:
    parts = lead.score_parts if isinstance(lead.score_parts, list) else []
    shown = {p["quote"]: p["why"] for p in parts if p.get("quote") and p.get("points", 0) > 0}
    return [
        Known(claim=why, quote=quote, source="what they wrote")
        for quote, why in list(shown.items())[:MOST_FACTS]
    ]


def _found(prospect: Prospect | None) -> list[Known]:
    if prospect is None:
        return []
    facts = prospect.facts.all()[:MOST_FACTS]
    return [
        Known(claim=fact.claim, quote=fact.quote, source=fact.url or "research") for fact in facts
    ]
