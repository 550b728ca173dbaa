"""Leads: found, explained, and set by hand."""

from django.test import Client
from django.urls import reverse

from dashboard import web
from pipeline.models import Lead
from tests.dashboard.conftest import text_of
from tests.factories import make_lead, received


def detail(lead: Lead) -> str:
    return reverse("lead-detail", args=[lead.pk])


def test_the_list_says_what_comes_next(browser: Client) -> None:
    received()
    make_lead(name="Not looked at yet", email="new@desert.example")
    page = text_of(browser.get(reverse("lead-list")))
    assert "Answer waits for you" in page
    assert "Waits for its score" in page


def test_the_list_is_searched_and_filtered(browser: Client) -> None:
    received()
    make_lead(name="Mae Lin", company="Desert Air", email="mae@desert.example")
    found = text_of(browser.get(reverse("lead-list"), {"q": "desert"}))
    assert "Mae Lin" in found
    assert "Dana Reyes" not in found
    scored = text_of(browser.get(reverse("lead-list"), {"status": "qualified"}))
    assert "Dana Reyes" in scored
    assert "Mae Lin" not in scored


def test_pages_stay_while_new_leads_come(browser: Client) -> None:
    leads = [make_lead(name=f"Lead {n:03}") for n in range(web.PAGE_SIZE + 5)]
    first = browser.get(reverse("lead-list"))
    older = first.context["page"].older
    make_lead(name="Just now")
    second = text_of(browser.get(reverse("lead-list"), {"before": older}))
    assert leads[4].name in second
    assert leads[5].name not in second
    assert "Just now" not in second


def test_a_lead_shows_its_score_point_by_point_and_what_happened(browser: Client) -> None:
    lead = received()
    page = text_of(browser.get(detail(lead)))
    for part in lead.score_parts:
        if part["quote"]:
            assert 'class="quote"' in page
    for words in ("Fit", "Intent", "Engagement", "Timing", "Qualifier proposed"):
        assert words in page
    assert f"Score {lead.score} of 100" in page


def test_the_operators_word_stands_and_can_be_lifted(browser: Client) -> None:
    lead = received()
    url = reverse("lead-override", args=[lead.pk])
    said = lead.score
    response = browser.post(
        url, {"score": "12", "status": "review", "reason": "I know them"}, follow=True
    )
    lead.refresh_from_db()
    assert (lead.score, lead.status) == (12, "review")
    assert f"the agent had said {said}" in text_of(response)
    lifted = browser.post(reverse("lead-lift", args=[lead.pk]), follow=True)
    assert "the agent had said" not in text_of(lifted)


def test_a_bad_override_names_the_field_and_keeps_the_values(browser: Client) -> None:
    lead = received()
    response = browser.post(
        reverse("lead-override", args=[lead.pk]), {"score": "900", "reason": "kept words"}
    )
    page = response.content.decode()
    assert response.status_code == 422
    assert "less than or equal to 100" in page
    assert 'value="kept words"' in page


def test_an_outcome_is_marked(browser: Client) -> None:
    lead = received()
    url = reverse("lead-outcome", args=[lead.pk])
    assert "Marked won" in text_of(browser.post(url, {"outcome": "won"}, follow=True))
    lead.refresh_from_db()
    assert lead.outcome == Lead.Outcome.WON
    assert browser.post(url, {"outcome": "x"}).status_code == 422
    assert browser.get(url).status_code == 405
