"""Conversations by mail, as the operator keeps them: read, unread, and what a reply means."""

from django.contrib.auth.models import User
from django.db import transaction

from agency import live
from control import overrides
from jobs import events
from pipeline.kinds import answers
from pipeline.models import InboundMail, Prospect, Thread

Label = InboundMail.Label


def set_unread(thread: Thread, unread: bool) -> bool:
    """Mark a conversation read or unread; return False if it is so already."""
    won = Thread.objects.filter(pk=thread.pk, unread=not unread).update(unread=unread)
    if won:
        thread.unread = unread
        live.broadcast("inbox", f"thread:{thread.pk}", "status")
    return won == 1


def correct_label(mail: InboundMail, label: str, *, by: User, reason: str) -> bool:
    """Say what a reply means, against the agent; return False if it says so already.

    It is kept as an override, a training example; and what follows from the label follows, as when
    the agent had said it: a lead, or peace.
    """
    with transaction.atomic():
        rows = InboundMail.objects.select_for_update(of=("self",))
        mail.refresh_from_db(fields=["label", "status", "lead"], from_queryset=rows)
        if mail.label == label:
            return False
        overrides.override(mail, {"label": label}, by=by, reason=reason)
        mail.label_reason = f"{by.get_username()}: {reason}"[:300]
        mail.status = InboundMail.Status.SORTED
        if mail.prospect is not None:
            _follow(mail, mail.prospect)
        mail.save(update_fields=["label_reason", "status", "lead"])
        live.broadcast("inbox", f"thread:{mail.thread_id}", "leads", "prospects")
    return True


def _follow(mail: InboundMail, prospect: Prospect) -> None:
    if mail.label in answers.BECOMES_LEAD:
        known = mail.lead_id
        lead = answers.lead_of(mail, prospect)
        if known is None:
            events.emit("lead.received", subject=lead)
    elif mail.label == Label.UNSUBSCRIBE:
        answers.leave_alone(mail, prospect)
        events.emit("prospect.declined", subject=prospect)
    elif mail.label == Label.NOT_INTERESTED:
        declined = Prospect.objects.filter(pk=prospect.pk, status__in=Prospect.OPEN)
        declined.update(status=Prospect.Status.DECLINED)
        events.emit("prospect.declined", subject=prospect)
