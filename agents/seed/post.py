"""What was sent to prospects, what was done by hand, and what came back."""

import uuid
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from agents.seed import mails
from agents.seed.ground import Step
from agents.seed.mails import Came, Sent
from agents.seed.prospects import Book
from agents.seed.rows import Rows, reserve
from agents.seed.ways import ANSWERED, GOES_ON, HOUR, STOPS, Way
from pipeline.models import (
    Enrollment,
    HandTask,
    InboundMail,
    SequenceStep,
    Suppression,
    Thread,
    Touch,
    Variant,
)

Kind = InboundMail.Kind
Label = InboundMail.Label
EMAIL = SequenceStep.Channel.EMAIL

REASONS = {
    "clicked": "they unsubscribed by the link in a mail",
    "unsubscribe": "asked to by mail",
    "bounce": f"the mail came back: {mails.NO_SUCH}",
    "complaint": "they marked a mail as spam",
    "suppressed": "A client of a partner",
}
"""Why somebody is written to no more."""


@dataclass(frozen=True)
class Asked:
    """What a lead that was a prospect wrote."""

    lead: str
    name: str
    subject: str
    text: str


@dataclass(frozen=True)
class Back:
    """What a mail that came in was taken for."""

    kind: Kind
    label: Label
    reason: str
    thread: str | None = None
    lead: str | None = None


class Post:
    """Collects all of it, and writes it."""

    def __init__(self, book: Book, operator: str) -> None:
        self.book, self.rng, self.operator = book, book.rng, operator
        self.enrollments = Rows(Enrollment)
        self.touches = Rows(Touch)
        self.tasks = Rows(HandTask, numbered=True)
        self.threads = Rows(Thread)
        self.mails = Rows(InboundMail)
        self.suppressed = Rows(Suppression)
        self.numbers: list[int] = []
        self.through = 0

    def write(self) -> None:
        """Write it."""
        for rows in (self.enrollments, self.touches, self.tasks, self.threads, self.mails):
            rows.write()
        self.suppressed.write_new("scope", "value")

    def tell(self, way: Way, asked: Asked | None = None) -> None:
        """Write down one way, with its mails and tasks."""
        book = self.book
        status = Enrollment.Status.STOPPED if way.fate in STOPS else Enrollment.Status.FINISHED
        if way.fate in GOES_ON:
            status = Enrollment.Status.ACTIVE
        self.enrollments.add(
            id=way.pk,
            prospect_id=way.found.pk,
            contact_id=way.found.contact,
            sequence_id=way.sequence.pk,
            mailbox_id=way.mailbox.pk,
            status=str(status),
            stop_reason=str(STOPS.get(way.fate, "")),
            position=way.following.position,
            due_at=book.business(way.start - way.following.day),
            started_at=book.business(way.start),
            ended_at=None if way.fate in GOES_ON else book.business(way.end),
        )
        last = [step for step in way.done if step.channel == EMAIL][-1]
        for step in way.done:
            if step.channel == EMAIL:
                self._mail(way, step, way.fate if step is last else "", asked)
            else:
                self._by_hand(way, step)
        if way.fate in REASONS:
            self._suppress(way)

    def _mail(self, way: Way, step: Step, fate: str, asked: Asked | None) -> None:
        """Send one mail, with what came of it."""
        book, found, age = self.book, way.found, way.start - step.day
        variant = self._variant(step, fate)
        host = way.mailbox.from_email.rpartition("@")[2]
        sent = Sent(
            message_id=f"<{book.id(age)}@{host}>",
            subject=variant.subject.replace("{company}", found.company.name)[:300],
            sender=way.mailbox.from_email,
            recipient=found.email,
            at=book.business(age),
        )
        pk, end = book.id(age), book.business(way.end)
        self.touches.add(
            id=pk,
            **_same(way, step),
            variant_id=variant.pk,
            mailbox_id=way.mailbox.pk,
            message_id=sent.message_id,
            to_address=sent.recipient,
            subject=sent.subject,
            sent_at=sent.at,
            replied_at=end if fate in ANSWERED else None,
            bounced_at=end if fate == "bounce" else None,
            complained_at=end if fate == "complaint" else None,
            unsubscribed_at=end if fate in ("clicked", "unsubscribe") else None,
        )
        if fate in ANSWERED:
            self._answer(way, sent, pk, asked)
        elif fate == "bounce":
            came = mails.bounce(sent, key=book.id(way.end), at=end)
            self._keep(way, way.end, came, sent, pk, Back(Kind.BOUNCE, Label.BOUNCE, mails.NO_SUCH))
        elif fate == "complaint":
            came = mails.complaint(sent, key=book.id(way.end), at=end)
            back = Back(Kind.COMPLAINT, Label.UNSUBSCRIBE, "marked as spam")
            self._keep(way, way.end, came, sent, pk, back)
        elif fate == "finished":
            self.through += 1
            if self.through % 9 == 2 and age > HOUR:
                self._absent(way, sent, pk, age - HOUR / 30)

    def _variant(self, step: Step, fate: str) -> Variant:
        """Choose a wording; who answered had the first one more often."""
        first = self.rng.random() < (0.65 if fate in ANSWERED else 0.45)
        return step.variants[0] if first else step.variants[-1]

    def _suppress(self, way: Way) -> None:
        whole = way.fate == "suppressed"
        self.suppressed.add(
            scope="domain" if whole else "address",
            value=way.found.company.domain if whole else way.found.email,
            reason=REASONS[way.fate],
            created_at=self.book.wall(way.end),
        )

    # What came back

    def _answer(self, way: Way, sent: Sent, touch: str, asked: Asked | None) -> None:
        at = self.book.business(way.end)
        if asked is None:
            text = self.rng.choice(mails.ANSWERS[way.fate])
            name, subject = way.found.company.person, f"Re: {sent.subject}"
        else:
            text, name, subject = asked.text, asked.name, asked.subject
        key = self.book.id(way.end)
        came = mails.answer(sent, key=key, name=name, subject=subject, text=text, at=at)
        back = Back(
            kind=Kind.REPLY,
            label=Label.INTERESTED if asked else Label(way.fate),
            reason=f"“{text.split('. ')[0][:200]}”",
            thread=self._thread(way, way.end, came, asked.lead if asked else None),
            lead=asked.lead if asked else None,
        )
        self._keep(way, way.end, came, sent, touch, back)

    def _absent(self, way: Way, sent: Sent, touch: str, age: float) -> None:
        """Keep the answer of a machine, which ends nothing."""
        text = mails.ANSWERS["out_of_office"][0]
        came = mails.answer(
            sent,
            key=self.book.id(age),
            name="",
            subject=f"Out of office: {sent.subject}",
            text=text,
            at=self.book.business(age),
        )
        thread = self._thread(way, age, came, None)
        back = Back(Kind.AUTO_REPLY, Label.OUT_OF_OFFICE, "sent by a machine", thread)
        self._keep(way, age, came, sent, touch, back)

    def _thread(self, way: Way, age: float, came: Came, lead: str | None) -> str:
        pk = self.book.id(age)
        self.threads.add(
            id=pk,
            subject=came.subject[:300],
            address=came.from_email,
            prospect_id=way.found.pk,
            lead_id=lead,
            unread=age < 1.5 and bool(came.from_name),
            last_at=self.book.business(age),
            created_at=self.book.wall(age),
        )
        return pk

    def _keep(self, way: Way, age: float, came: Came, sent: Sent, touch: str, back: Back) -> None:
        talks = back.kind in (Kind.REPLY, Kind.AUTO_REPLY)
        self.mails.add(
            id=self.book.id(age),
            key=sha256(came.raw).hexdigest(),
            via="webhook:mailgun",
            raw=came.raw,
            received_at=self.book.business(age),
            message_id=came.message_id,
            in_reply_to=sent.message_id,
            references=[sent.message_id] if talks else [],
            from_name=came.from_name,
            from_email=came.from_email,
            to_email=sent.sender,
            subject=came.subject[:300],
            text=came.text,
            full_text=came.full_text,
            kind=str(back.kind),
            label=str(back.label),
            label_reason=back.reason,
            status=str(InboundMail.Status.SORTED),
            thread_id=back.thread,
            touch_id=touch,
            prospect_id=way.found.pk,
            lead_id=back.lead,
        )

    # What is done by hand

    def _by_hand(self, way: Way, step: Step) -> None:
        """Lay a task ready; it was done or left out, went with the sequence, or lies there."""
        book, rng, age = self.book, self.rng, way.start - step.day
        number, company = self._number(), way.found.company
        at = max(way.end, age - rng.uniform(HOUR, 30 * HOUR), age / 2)
        settled: dict[str, Any] = {"by": self.operator, "done_at": book.business(at)}
        if rng.random() < 0.25:
            settled = {"by": self.operator, "skipped_at": book.business(at)}
        elif age < 6 and rng.random() < 0.7:
            settled = {}
            if way.fate in STOPS:
                why = f"the sequence stopped: {STOPS[way.fate].label.lower()}"
                settled = {"skipped_at": book.business(way.end), "note": why}
        text = step.variants[0].body.replace("{first_name}", company.first)
        self.tasks.add(
            id=number,
            **_same(way, step),
            text=text.replace("{company}", company.name).replace("{quote}", company.trade),
            url="" if step.channel == "call" else f"https://www.linkedin.example/in/{number}",
            due_at=book.business(age),
            created_at=book.wall(age),
            **settled,
        )
        if "done_at" in settled:
            self.touches.add(
                id=uuid.uuid5(uuid.NAMESPACE_OID, f"pipeline.handtask:{number}"),
                **_same(way, step),
                variant_id=step.variants[0].pk,
                sent_at=settled["done_at"],
            )

    def _number(self) -> int:
        if not self.numbers:
            self.numbers = reserve(HandTask, 2_000)
        return self.numbers.pop()


def _same(way: Way, step: Step) -> dict[str, Any]:
    return {
        "prospect_id": way.found.pk,
        "contact_id": way.found.contact,
        "enrollment_id": way.pk,
        "position": step.position,
        "channel": step.channel,
    }
