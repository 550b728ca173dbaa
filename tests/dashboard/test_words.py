"""Times, money and marked texts as the templates write them."""

import datetime as dt
from decimal import Decimal

import pytest
from django.utils import timezone

from control import trust
from dashboard.templatetags import dashboard as tags


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "now"), (42, "42 s"), (61, "1 min"), (7300, "2 h"), (90000, "1 d"), (-600, "in 10 min")],
)
def test_a_span_is_one_number_and_its_unit(seconds: int, words: str) -> None:
    assert tags.ago(seconds) == words


def test_a_time_carries_the_exact_one_in_the_operators_zone() -> None:
    moment = dt.datetime(2026, 3, 3, 17, 41, 5, tzinfo=dt.UTC)
    with timezone.override("America/Phoenix"):
        html = tags.when(moment)
    assert 'title="Tue 3 Mar 2026, 10:41:05 MST"' in html
    assert 'datetime="2026-03-03T17:41:05+00:00"' in html


@pytest.mark.parametrize(
    ("usd", "words"), [("0", "$0.00"), ("0.0042", "$0.0042"), ("1234.5", "$1,234.50")]
)
def test_small_money_is_not_shown_as_nothing(usd: str, words: str) -> None:
    assert tags.money(Decimal(usd)) == words


def test_claims_are_numbered_to_their_evidence_and_the_rest_stays_text() -> None:
    evidence = [{"claim": "we miss <half>", "quote": "", "source": "form"}]
    html = tags.marked("You wrote that we miss <half> & more.", evidence)
    assert html == (
        'You wrote that <mark id="claim-1" data-claim="1">we miss &lt;half&gt;'
        '<a href="#evidence-1" aria-label="Evidence 1"><sup>1</sup></a></mark> &amp; more.'
    )


def test_addresses_become_links_and_nothing_else_does() -> None:
    html = tags.linked(
        'See https://a.example/x?a=1&b=2. Not javascript:alert(1) or "https://b.example"'
    )
    assert 'href="https://a.example/x?a=1&amp;b=2"' in html
    assert html.count("<a ") == 2
    assert "2.</a>" not in html


@pytest.mark.parametrize(
    ("unedited", "decided", "low"), [(0, 0, 0), (41, 44, 81), (1, 1, 20), (100, 100, 96)]
)
def test_trust_is_the_lower_end_of_the_wilson_interval(
    unedited: int, decided: int, low: int
) -> None:
    assert trust.Trust(unedited, decided).lower_bound == low
