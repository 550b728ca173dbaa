"""The words around a call: offers, invitations, reminders. By rules alone, for there is nothing in
them to invent: times and links are the house's own."""

import datetime as dt
from collections.abc import Iterable
from typing import Literal

from agents import answers
from agents.booking import BookerFacts, Call
from pipeline.meetings import words

Why = Literal["unbooked", "asked", "gone", "missed"]

OPENING = {
    "unbooked": "I would still like to show you what we would do first.",
    "asked": "Gladly.",
    "gone": "That time is not free any more, I am sorry.",
    "missed": "I am sorry that we missed each other. These things happen: let us find a new time.",
}
REASON = {
    "unbooked": "Qualified, answered a day ago, and no call is booked: three times make it easy.",
    "asked": "They want to talk and named no time.",
    "gone": "They named a time that is not free.",
    "missed": "They did not come to the call.",
}


def offer(facts: BookerFacts, why: Why, slots: Iterable[dt.datetime]) -> tuple[str, str]:
    """Return subject and body that offer these times."""
    zone = words.zone_of(facts.zone)
    times = "\n".join(f"- {words.when(slot, zone)}" for slot in slots)
    body = [
        answers.greeting(facts.name),
        OPENING[why],
        f"Would one of these suit you for a {facts.minutes}-minute call?"
        f" They are in {words.zone_name(zone)}.",
        times,
        f"Answer with the one you like, or pick any other here: {facts.link}",
    ]
    subject = answers.reply_subject(facts.subject) if facts.subject else "A time for our call"
    return subject, _letter(facts, body)


def invitation(facts: BookerFacts, call: Call) -> tuple[str, str]:
    """Return subject and body of what tells that a call is booked, or at another time now."""
    what = "is booked for" if call.revision == 0 else "is now on"
    subject = f"{'Booked' if call.revision == 0 else 'Moved'}: our call on {call.day}"
    body = [
        answers.greeting(call.guest or facts.name),
        f"Our call {what} {call.day}, {_zone(call)}. It takes {facts.minutes} minutes.",
        *([f"Where: {call.location}"] if call.location else []),
        "The invitation is attached; your calendar takes it as it is.",
        f"If the time does not suit you any more, move or cancel it here: {call.link}",
    ]
    return subject, _letter(facts, body)


def cancellation(facts: BookerFacts, call: Call) -> tuple[str, str]:
    """Return subject and body of what tells that a call will not be."""
    theirs = call.cancelled_by == "guest"
    because = f" {call.reason.rstrip('.')}." if call.reason and not theirs else ""
    said = (
        f"As you wished, our call on {call.day}, {_zone(call)}, is cancelled."
        if theirs
        else f"I am sorry: our call on {call.day}, {_zone(call)}, cannot be.{because}"
    )
    again = f"If another time suits you, pick one here: {facts.link}"
    body = [answers.greeting(call.guest or facts.name), said, *([again] if facts.open else [])]
    return f"Cancelled: our call on {call.day}", _letter(facts, body)


def reminder(facts: BookerFacts, call: Call) -> tuple[str, str]:
    """Return subject and body of a reminder."""
    soon = "In an hour" if call.remind == "hour" else "A short reminder"
    body = [
        answers.greeting(call.guest or facts.name),
        f"{soon}: our call is on {call.day}, {_zone(call)}.",
        *([f"Where: {call.location}"] if call.location else []),
        f"If something came up, move or cancel it here: {call.link}",
    ]
    return f"Reminder: our call on {call.day}", _letter(facts, body)


def _zone(call: Call) -> str:
    return words.zone_name(words.zone_of(call.zone))


def _letter(facts: BookerFacts, parts: list[str]) -> str:
    return "\n\n".join([*parts, f"Best,\n{facts.sender}\n{facts.agency}"])
