"""Answers to people who wrote by mail: in their conversation, from the mailbox they wrote to."""

import pytest

from control import approvals, kinds
from control.models import Action
from pipeline.mail import inbox as mails
from pipeline.mail import postage
from pipeline.models import InboundMail, Lead, Mailbox
from tests.factories import make_user, received, work_off
from tests.letters import make_mailbox, make_prospect, make_touch, write
from tests.mailserver import Inbox

pytestmark = pytest.mark.django_db

SAM = "sam@mail.northwind.example"


def interested(box: Mailbox) -> InboundMail:
    """Take in the answer of somebody that box wrote to, and let the agents look at it."""
    touch = make_touch(make_prospect(), mailbox=box)
    mail, _ = mails.store(write(answers=touch.message_id), via="webhook:mailgun")
    work_off()
    mail.refresh_from_db()
    return mail


def approved(action: Action) -> None:
    approvals.approve(action, by=make_user(), seen_hash=action.content_hash)
    work_off(ahead=True)


def test_an_answer_stays_in_the_conversation_and_comes_from_whom_they_wrote_to(
    inbox: Inbox,
) -> None:
    mail = interested(make_mailbox(SAM))
    action = Action.objects.get(kind="reply_to_lead")
    assert "DKIM-Signature" in kinds.get(action.kind).source(action, kinds.parsed(action))
    approved(action)

    (letter,) = inbox.letters
    assert SAM in letter["From"]
    assert letter["Reply-To"] is None
    assert letter["Message-ID"].endswith("@mail.northwind.example>")
    assert letter["In-Reply-To"].strip() == mail.message_id
    assert letter["References"].split() == [*mail.references, mail.message_id]
    assert "d=mail.northwind.example" in "".join(letter["DKIM-Signature"].split())

    again, _ = mails.store(write("Tuesday?", answers=action.rendered["message_id"]), via="imap")
    work_off()
    again.refresh_from_db()
    assert (again.thread, again.lead) == (mail.thread, mail.lead)


def test_a_message_id_no_header_can_hold_is_left_out() -> None:
    strange = ["<caf\u00e9@a.example>", "<a\x01b@a.example>"]
    assert postage.answers(strange) == {}
    assert postage.answers(["<1@a.example>", *strange])["In-Reply-To"] == "<1@a.example>"
    many = [f"<{number}@a.example>" for number in range(200)]
    assert postage.answers(many) == {
        "In-Reply-To": many[-1],
        "References": " ".join(many[-postage.MOST_REFERENCES :]),
    }


def test_whoever_filled_in_a_form_is_answered_by_the_agency(inbox: Inbox) -> None:
    make_mailbox(SAM)
    received()
    action = Action.objects.get(kind="reply_to_lead")
    approved(action)
    (letter,) = inbox.letters
    assert SAM not in letter["From"]
    assert letter["In-Reply-To"] is None
    assert Lead.objects.get().answered_at is not None
