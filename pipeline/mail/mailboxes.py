"""Reading the mailboxes that mail is answered to, over IMAP."""

from django.db import transaction

from agency import clock, live
from agency.db import give_back_connections
from integrations import imap, mail
from integrations.errors import ServiceError
from jobs import queue, registry
from jobs.lease import Lease
from jobs.models import Job, Lane
from pipeline.mail import inbox
from pipeline.models import Mailbox

READ_ALL = "pipeline.read_mailboxes"
READ = "pipeline.read_mailbox"
EVERY_SECONDS = 60
ROUNDS = 20


@registry.register(READ_ALL, lane=Lane.NORMAL, short=True)
def read_all(job: Job, lease: Lease) -> None:
    """Have each mailbox read. In the sandbox none: its mail comes from nobody real."""
    if mail.world() == "sandbox":
        return
    for mailbox in Mailbox.objects.filter(active=True, imap_url__isnull=False):
        queue.enqueue(READ, {"mailbox_id": mailbox.pk}, parent=job)


registry.every(EVERY_SECONDS, READ_ALL)


@registry.register(READ, lane=Lane.NORMAL, max_attempts=3)
def read(job: Job, lease: Lease) -> None:
    """Keep what is new in one mailbox. Twice at once harms nobody: each message is kept once."""
    mailbox = Mailbox.objects.filter(pk=job.payload["mailbox_id"], active=True).first()
    if mailbox is None or not mailbox.imap_url or mail.world() == "sandbox":
        return
    try:
        for _ in range(ROUNDS):
            if not _read_some(mailbox, lease):
                break
    except ServiceError as error:
        Mailbox.objects.filter(pk=mailbox.pk).update(imap_error=str(error))
        live.broadcast("deliverability")
        raise
    Mailbox.objects.filter(pk=mailbox.pk).update(imap_error="", imap_read_at=clock.wall())


def _read_some(mailbox: Mailbox, lease: Lease) -> bool:
    """Keep the next messages, each with how far we are, in one commit; False if there were none."""
    give_back_connections()
    found = imap.new(mailbox.imap_url or "", mailbox.imap_uid, mailbox.imap_validity)
    lease.check()
    for message in found.messages:
        with transaction.atomic():
            inbox.store(message.raw, via=f"imap:{mailbox.from_email}", mailbox=mailbox)
            _remember(mailbox, message.uid, found.validity)
    _remember(mailbox, found.uid, found.validity)
    return bool(found.messages)


def _remember(mailbox: Mailbox, uid: int, validity: int) -> None:
    mailbox.imap_uid, mailbox.imap_validity = uid, validity
    mailbox.save(update_fields=["imap_uid", "imap_validity"])
