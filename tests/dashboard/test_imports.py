"""Importing a file of prospects: looked at first, then brought in, and taken back."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from pipeline.models import Prospect, ProspectImport
from tests.dashboard.conftest import Htmx, text_of
from tests.factories import work_off
from tests.outreach import make_prospect

ROWS = (
    "Company,Website,Phone,What\n"
    "Desert Cooling,desertcooling.example,520 555 0142,hvac\n"
    "Desert Cooling LLC,desertcooling.example,,hvac\n"
    ",nameless.example,,\n"
    "Copper Electric,copper.example,call us,electric\n"
)


def upload(browser: Client, content: str = ROWS) -> str:
    customer = make_prospect("Other").ideal_customer
    data = {"ideal_customer": customer.pk, "file": SimpleUploadedFile("x.csv", content.encode())}
    response = browser.post(reverse("import-create"), data)
    assert response.status_code == 302
    return str(response["Location"])


def test_nothing_is_added_before_it_was_looked_at(browser: Client) -> None:
    page = text_of(browser.get(upload(browser)))
    assert "Desert Cooling" in page
    assert "is row 1 again" in page
    assert "There is no company name" in page
    assert "is no phone number" in page
    assert Prospect.objects.count() == 1


def test_a_column_is_said_to_hold_something_else(browser: Client, htmx: Htmx) -> None:
    url = upload(browser)
    said = {"column-0": "name", "column-1": "website", "column-3": "industry"}
    part = htmx.post(f"{url}columns/", "import-body", said)
    assert "<html" not in part.content.decode()
    assert ProspectImport.objects.get().mapping == {
        "Company": "name",
        "Website": "website",
        "What": "industry",
    }
    twice = browser.post(f"{url}columns/", {"column-0": "name", "column-1": "name"})
    assert twice.status_code == 422
    assert "Two columns cannot both be" in text_of(twice)


def test_without_a_name_it_is_not_imported(browser: Client) -> None:
    url = upload(browser)
    browser.post(f"{url}columns/", {"column-1": "website"})
    response = browser.post(f"{url}start/")
    assert response.status_code == 422
    assert "Say which column holds the company’s name." in text_of(response)
    assert ProspectImport.objects.get().status == "uploaded"


def test_it_is_imported_and_taken_back(browser: Client) -> None:
    url = upload(browser)
    browser.post(f"{url}start/")
    assert "0</b> of 4 rows read" in text_of(browser.get(url))
    work_off()
    page = text_of(browser.get(url))
    assert Prospect.objects.filter(name__in=["Desert Cooling", "Copper Electric"]).count() == 2
    assert "What was no good" in page
    browser.post(f"{url}undo/")
    work_off()
    assert Prospect.objects.count() == 1
    assert "Taken back" in text_of(browser.get(url))


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_a_file_that_is_none_is_refused(content: str, browser: Client) -> None:
    customer = make_prospect().ideal_customer
    data = {"ideal_customer": customer.pk, "file": SimpleUploadedFile("x.csv", content.encode())}
    response = browser.post(reverse("import-create"), data)
    assert response.status_code == 422
    assert not ProspectImport.objects.exists()


@pytest.mark.parametrize("what", ["columns", "start", "undo"])
def test_it_is_changed_by_post_only_by_whoever_is_logged_in(what: str, browser: Client) -> None:
    url = f"{upload(browser)}{what}/"
    assert browser.get(url).status_code == 405
    browser.logout()
    assert browser.post(url).headers["Location"].startswith("/login/")
