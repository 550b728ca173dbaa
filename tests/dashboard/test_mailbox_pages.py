"""The sandbox mailbox in the app."""

from email.message import EmailMessage
from mailbox import Maildir
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from integrations import mailbox
from tests.dashboard.conftest import text_of


@pytest.fixture
def maildir(settings: Settings, tmp_path: Path) -> Maildir:
    settings.MAILBOX_DIR = tmp_path / "mailbox"
    return Maildir(settings.MAILBOX_DIR)


def deliver(maildir: Maildir, subject: str) -> None:
    message = EmailMessage()
    message["From"], message["To"] = "alex@northwind.example", "dana@harbor.example"
    message["Subject"], message["Message-ID"] = subject, "<1@northwind.example>"
    message.set_content("Hello <b>Dana</b>, see https://northwind.example/book.")
    maildir.add(message)


def test_a_mail_is_listed_and_read_with_its_headers(browser: Client, maildir: Maildir) -> None:
    deliver(maildir, "Re: ServiceTitan")
    assert "Re: ServiceTitan" in text_of(browser.get("/mailbox/"))
    (mail,) = mailbox.list_mail()
    page = text_of(browser.get(reverse("mailbox-detail", args=[mail.key])))
    assert "&lt;1@northwind.example&gt;" in page
    assert "&lt;b&gt;Dana" in page
    assert 'href="https://northwind.example/book"' in page


def test_many_mails_come_in_pages(browser: Client, maildir: Maildir) -> None:
    for number in range(55):
        deliver(maildir, f"Mail {number}")
    assert browser.get("/mailbox/").content.decode().count("data-row") == 50
    assert browser.get("/mailbox/?page=2").content.decode().count("data-row") == 5


def test_with_real_mail_nothing_is_shown(
    browser: Client, maildir: Maildir, settings: Settings
) -> None:
    deliver(maildir, "Secret")
    settings.EMAIL_URL = "smtp://user:pass@mail.northwind.example:587"
    page = text_of(browser.get("/mailbox/"))
    assert "Mail is real" in page
    assert "Secret" not in page
    assert "Sandbox mail" not in page
    (mail,) = mailbox.list_mail()
    assert browser.get(reverse("mailbox-detail", args=[mail.key])).status_code == 404
