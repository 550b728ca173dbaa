"""Importing a file of leads: looked at first, then brought in, and taken back."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from pipeline.models import Lead, LeadImport
from tests.dashboard.conftest import Htmx, text_of
from tests.factories import make_client, make_lead, work_off

ROWS = (
    "Name,Email,Asked\n"
    "Dana Reyes,dana@harbor.example,2026-03-02\n"
    "Dana,dana@harbor.example,2026-03-02\n"
    "Mae Lin,mae@lin.example,\n"
    "<b>Ola</b>,nobody,\n"
)
CREATE = reverse("lead-import-create")


def upload(browser: Client, content: bytes = ROWS.encode(), **fields: object) -> str:
    data = {"file": SimpleUploadedFile("crm.csv", content), **fields}
    response = browser.post(CREATE, data)
    assert response.status_code == 302
    return str(response["Location"])


def test_nothing_is_added_before_it_was_looked_at(browser: Client) -> None:
    make_lead(email="mae@lin.example")
    page = browser.get(upload(browser))
    assert "is row 1 again" in text_of(page)
    assert "is there already" in text_of(page)
    assert "is no e-mail address" in text_of(page)
    assert b"<b>Ola" not in page.content
    assert Lead.objects.count() == 1


def test_it_is_imported_and_taken_back(browser: Client) -> None:
    client = make_client()
    url = upload(browser, client=client.pk)
    assert browser.post(f"{url}start/").status_code == 302
    work_off()
    page = text_of(browser.get(url))
    assert "What was no good" in page and "row 4" in page
    assert Lead.objects.filter(client=client).count() == 2
    browser.post(f"{url}undo/")
    work_off()
    assert "Taken back" in text_of(browser.get(url))
    assert not Lead.objects.exists()
    again = browser.post(f"{url}undo/", follow=True)
    assert "There is nothing to take back." in text_of(again)


def test_the_qualifier_takes_them_only_if_that_is_ticked(browser: Client) -> None:
    upload(browser)
    assert not LeadImport.objects.get().answers
    assert "nobody answers them by itself" in text_of(browser.get(upload(browser)))
    assert "the Qualifier takes them" in text_of(browser.get(upload(browser, answers="on")))
    assert "checked" in browser.post(CREATE, {"answers": "on"}).content.decode()


def test_a_column_is_said_to_hold_something_else(browser: Client, htmx: Htmx) -> None:
    url = upload(browser)
    said = {"column-0": "company", "column-1": "email", "column-2": "extra"}
    part = htmx.post(f"{url}columns/", "import-body", said)
    assert "<html" not in part.content.decode()
    assert LeadImport.objects.get().mapping == {
        "Name": "company",
        "Email": "email",
        "Asked": "extra",
    }
    many = {"column-0": "extra", "column-1": "email", "column-2": "extra"}
    assert browser.post(f"{url}columns/", many).status_code == 302
    twice = browser.post(f"{url}columns/", {"column-0": "name", "column-1": "name"})
    assert twice.status_code == 422
    assert "Two columns cannot both be “Name”" in text_of(twice)


def test_without_anybody_to_reach_it_is_not_imported(browser: Client) -> None:
    url = upload(browser)
    browser.post(f"{url}columns/", {"column-0": "name"})
    response = browser.post(f"{url}start/")
    assert response.status_code == 422
    assert "Say which column holds the e-mail address or the phone." in text_of(response)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "The file is empty."),
        (b"\0\1\2\xff" * 50, ""),
        (b"a;" * 300, ""),
        (b" \n \n", "It cannot be read"),
        (b"Email\n", ""),
        (b'Email\n"a', ""),
    ],
)
def test_a_file_that_is_none_is_no_failure(browser: Client, content: bytes, says: str) -> None:
    response = browser.post(CREATE, {"file": SimpleUploadedFile("x.csv", content)}, follow=True)
    assert response.status_code == (422 if says else 200)
    assert says in text_of(response)


def test_without_a_file_it_says_so(browser: Client) -> None:
    response = browser.post(CREATE, {"client": "7777"})
    assert response.status_code == 422
    assert "Choose a file." in text_of(response)
