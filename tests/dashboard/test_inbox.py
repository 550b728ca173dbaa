"""The inbox: read and unread, labels put right, and nothing in a mail that acts."""

import uuid

import pytest
from django.test import Client
from django.urls import reverse

from control.models import Override
from pipeline.models import Attachment, Enrollment, InboundMail, Lead, Suppression, Thread
from tests.dashboard.conftest import Htmx, text_of
from tests.outreach import enroll, make_prospect, make_reply, make_sequence, sent

HOSTILE = '<img src=x onerror=alert(1)> see https://evil.example/login <a href="//evil">here</a>'


@pytest.fixture
def mail(db: None) -> InboundMail:
    return make_reply(make_prospect())


def at(mail: InboundMail) -> str:
    return reverse("thread-detail", args=[mail.thread_id])


def test_opening_a_conversation_reads_it_and_a_live_update_does_not(
    browser: Client, htmx: Htmx, mail: InboundMail
) -> None:
    for part in ("conversation", "inbox-list"):
        htmx.get(at(mail), part)
        assert Thread.objects.get().unread
    assert "1 unread" in text_of(browser.get(reverse("inbox")))
    browser.get(at(mail))
    assert not Thread.objects.get().unread
    browser.post(reverse("thread-unread", args=[mail.thread_id]))
    assert Thread.objects.get().unread


def test_what_they_wrote_is_text(browser: Client) -> None:
    mail = make_reply(make_prospect(), HOSTILE, subject=HOSTILE, from_name="<b>Dana</b>")
    text = browser.get(at(mail)).content.decode()
    assert "&lt;img src=x" in text
    assert "https://evil.example/login" in text
    for bad in ("<img src=x", 'href="https://evil', 'href="//evil', "<b>Dana"):
        assert bad not in text
    source = browser.get(reverse("mail-source", args=[mail.pk])).content.decode()
    assert "&lt;img src=x" in source
    assert "<img src=x" not in source


def test_what_was_sent_before_stands_before_it(browser: Client) -> None:
    prospect, sequence = make_prospect(), make_sequence()
    sent(enroll(prospect, sequence, 1), sequence.steps.get(position=0), subject="Our first mail")
    text = text_of(browser.get(at(make_reply(prospect, "Their answer"))))
    letters = text[text.index('class="letters"') :]
    assert letters.index("Our first mail") < letters.index("Their answer")


def test_a_file_is_saved_never_opened(browser: Client, mail: InboundMail) -> None:
    found = Attachment.objects.create(
        mail=mail,
        filename='../"evil.html\r\nX: y',
        content_type="text/html",
        size=8,
        content=b"<script>",
    )
    response = browser.get(reverse("attachment", args=[found.pk]))
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"].startswith("attachment")
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "X" not in response.headers
    assert "sandbox" in response["Content-Security-Policy"]


def test_a_corrected_label_is_kept_as_an_override(browser: Client, mail: InboundMail) -> None:
    url = reverse("mail-label", args=[mail.pk])
    response = browser.post(url, {"label": "later", "reason": "In spring"}, follow=True)
    mail.refresh_from_db()
    assert mail.label == "later"
    assert Override.objects.get(field="label").was == "interested"
    assert "instead of “Interested”" in text_of(response)


def test_who_is_interested_after_all_becomes_a_lead_once(browser: Client) -> None:
    mail = make_reply(make_prospect(), label="later")
    url = reverse("mail-label", args=[mail.pk])
    browser.post(url, {"label": "question", "reason": "They ask the price"})
    browser.post(url, {"label": "interested", "reason": "And want a call"})
    assert Lead.objects.get().source == "reply"


def test_who_wants_out_is_out_at_once(browser: Client, mail: InboundMail) -> None:
    assert mail.prospect is not None
    enrollment = enroll(mail.prospect, make_sequence())
    data = {"label": "unsubscribe", "reason": "Says stop"}
    browser.post(reverse("mail-label", args=[mail.pk]), data)
    enrollment.refresh_from_db()
    assert enrollment.stop_reason == Enrollment.Stop.UNSUBSCRIBE
    assert Suppression.objects.filter(value=mail.from_email).exists()


def test_a_correction_says_why(browser: Client, mail: InboundMail) -> None:
    response = browser.post(reverse("mail-label", args=[mail.pk]), {"label": "later"}, follow=True)
    assert "Nothing was changed" in text_of(response)


def test_conversations_are_found_by_label_and_words(browser: Client, mail: InboundMail) -> None:
    make_reply(make_prospect("Vale Dental"), "We are closed in May", label="later")
    by_label = text_of(browser.get(reverse("inbox"), {"show": "later"}))
    by_words = text_of(browser.get(reverse("inbox"), {"q": "closed in"}))
    for text in (by_label, by_words):
        assert text.count("data-row=") == 1
        assert "Vale Dental" in text
    assert "No conversation fits" in text_of(browser.get(reverse("inbox"), {"q": "zebra"}))


@pytest.mark.parametrize("name", ["thread-unread", "mail-label"])
def test_changes_are_posted_and_need_a_login(name: str, browser: Client) -> None:
    url = reverse(name, args=[uuid.uuid4()])
    assert browser.get(url).status_code == 405
    assert browser.post(url).status_code == 404
    browser.logout()
    assert browser.post(url).status_code == 302
