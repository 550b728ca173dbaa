"""Whatever is typed into a form or an address, the answer is never a failure of ours."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from selectolax.lexbor import LexborHTMLParser

from tests.dashboard.test_pages import furnish

ODD = ["a\0b", "9" * 5_000, "nan"]
PARAMETERS = (
    *(
        "before",
        "after",
        "status",
        "q",
        "page",
        "show",
        "sort",
        "id",
        "by",
        "view",
        "scope",
        "verb",
    ),
    *("customer", "fit_from", "fit_to", "signal", "world", "other", "into", "source", "kind"),
    *("object", "next", "back", "stage", "client", "age", "actor", "correlation", "focus", "with"),
)


@pytest.fixture
def calm(browser: Client) -> Client:
    browser.raise_request_exception = False
    return browser


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:20])
def test_an_odd_query_or_field_is_answered(odd: str, db: None, calm: Client) -> None:
    failed = set()
    for address in furnish().values():
        asked = calm.get(urlsplit(address).path, dict.fromkeys(PARAMETERS, odd))
        failed |= {address} if asked.status_code >= 500 else set()
        for action, names in forms(calm.get(address).content.decode(), address):
            said = calm.post(action, {name: filled(name, odd) for name in names})
            failed |= {action} if said.status_code >= 500 else set()
    assert not failed


def forms(html: str, address: str) -> list[tuple[str, list[str]]]:
    """Return where each form of a page is posted, and the names of its fields."""
    found = []
    for form in LexborHTMLParser(html).css("form[method=post]"):
        action = str(form.attributes.get("action") or address)
        fields = [str(each.attributes["name"]) for each in form.css("[name]")]
        if "logout" not in action:
            found.append((action, fields))
    return found


def filled(name: str, odd: str) -> Any:
    return SimpleUploadedFile(odd[:100] or "x", odd.encode()) if name == "file" else odd
