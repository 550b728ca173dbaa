"""What was said in a call: kept as it was typed or pasted, and handed to whoever reads it."""

import datetime as dt

from django.db import transaction

from agency import audit, clock, live
from jobs import events
from pipeline.models import Deal, DealNote, Meeting

MOST = 50_000
"""Characters of one note."""

HELD_FIRST = dt.timedelta(seconds=30)
"""Notes of a call nobody has called held yet wait so long: `meeting.held` wakes whoever reads
them, and two at once would read the same."""


class Refused(Exception):
    """A note cannot be kept; the message says why."""


def add(
    deal: Deal,
    text: str,
    *,
    kind: str = DealNote.Kind.TYPED,
    by: str,
    meeting: Meeting | None = None,
) -> DealNote:
    """Keep what was said and tell whoever reads it (`deal.noted`). Raises Refused.

    The same words, of the same call, are one note.
    """
    text = text.replace("\x00", "").replace("\r\n", "\n").strip()
    if not text:
        raise Refused("There is nothing in it.")
    if len(text) > MOST:
        raise Refused(f"It is longer than {MOST:,} characters.")
    with transaction.atomic():
        locked = Deal.objects.select_for_update(of=("self",), no_key=True).get(pk=deal.pk)
        known = DealNote.objects.filter(deal=locked, meeting=meeting, text=text).first()
        if known is not None:
            return known
        note = DealNote.objects.create(
            deal=locked, meeting=meeting, kind=DealNote.Kind(kind), text=text, by=by[:150]
        )
        what = "a transcript" if note.kind == DealNote.Kind.TRANSCRIPT else "notes"
        audit.record(
            "deal.noted",
            f"{by} added {what} to {locked}",
            actor=by,
            obj=locked,
            client=locked.client,
            data={"note": note.pk, "characters": len(text)},
        )
        is_open = meeting is not None and meeting.status == Meeting.Status.BOOKED
        events.emit(
            "deal.noted",
            subject=locked,
            client=locked.client,
            run_at=clock.wall() + HELD_FIRST if is_open else None,
            data={
                "note": note.pk,
                "lead": str(locked.lead_id),
                "meeting": str(meeting.pk) if meeting is not None else None,
            },
        )
        topics = ["deals", f"deal:{locked.pk}"]
        if meeting is not None:
            topics += ["meetings", f"meeting:{meeting.pk}"]
        live.broadcast(*topics)
    return note
