"""Whatever is typed into a form or an address, the answer is never a failure of ours."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from selectolax.lexbor import LexborHTMLParser

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


@pytest.mark.parametrize("third", range(3))
def test_an_odd_query_or_field_is_answered(
    third: int, addresses: dict[str, str], calm: Client
) -> None:
    failed = set()
    asked: set[tuple[str, tuple[str, ...]]] = set()
    for address in list(addresses.values())[third::3]:
        found = {(action, tuple(names)) for action, names in forms(calm, address)}
        for odd in ODD:
            answer = calm.get(urlsplit(address).path, dict.fromkeys(PARAMETERS, odd))
            failed |= {address} if answer.status_code >= 500 else set()
            # A form that is on many pages is the same form.
            for action, names in found - asked:
                answer = calm.post(action, {name: filled(name, odd) for name in names})
                failed |= {action} if answer.status_code >= 500 else set()
        asked |= found
    assert not failed


def forms(calm: Client, address: str) -> list[tuple[str, list[str]]]:
    """Return where each form of a page is posted, and the names of its fields."""
    found = []
    for form in LexborHTMLParser(calm.get(address).content.decode()).css("form[method=post]"):
        action = str(form.attributes.get("action") or address)
        fields = [str(each.attributes["name"]) for each in form.css("[name]")]
        if "logout" not in action:
            found.append((action, fields))
    return found


def filled(name: str, odd: str) -> Any:
    return SimpleUploadedFile(odd[:100] or "x", odd.encode()) if name == "file" else odd
