"""What a mail provider reports by webhook of a mail that went out."""

from enum import StrEnum

from django.db import transaction

from integrations import inbound
from integrations.errors import ServiceError
from jobs import queue, registry
from jobs.lease import Lease
from jobs.models import Job, Lane
from pipeline.mail import correspondence, returns
from pipeline.mail.correspondence import About

READ = "pipeline.read_report"
TRIES = 8


class Kind(StrEnum):
    """What became of the mail."""

    BOUNCED = "bounced"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"


def store(kind: Kind, *, event_id: str, message_id: str, recipient: str, says: str) -> None:
    """Keep a report as a job, once for each `event_id`."""
    payload = {"kind": kind, "message_id": message_id, "recipient": recipient, "says": says}
    clean = {name: str(text).replace("\0", "")[:500] for name, text in payload.items()}
    queue.enqueue(READ, clean, unique_key=f"report:{event_id}"[:200])


@registry.register(READ, lane=Lane.FAST, max_attempts=TRIES)
def read_report(job: Job, lease: Lease) -> None:
    """Do what follows from a report. One that is faster than its mail's record comes again."""
    with transaction.atomic():
        lease.check_row()
        about = _act(job.payload)
    early = about.action is not None and about.prospect is not None and about.touch is None
    if early and job.attempt < TRIES:
        raise ServiceError("the mail is not yet recorded as sent", permanent=False)


def _act(payload: dict[str, str]) -> About:
    about = correspondence.of_ids([payload["message_id"]])
    if not about:
        by_address = correspondence.of_sender(payload["recipient"])
        about = by_address if by_address.touch is not None else About()
    kind = Kind(payload["kind"])
    if kind == Kind.BOUNCED:
        permanent = inbound.is_permanent(payload["says"])
        returns.bounced(about, permanent=permanent, says=payload["says"])
    elif kind == Kind.COMPLAINED:
        returns.complained(about)
    else:
        returns.unsubscribed(about, how="at the mail provider")
    return about
