"""The pages of sequences: editing steps and wordings, and taking people out."""

import pytest
from django.test import Client
from django.urls import reverse

from agency.models import AuditEntry
from pipeline.models import Enrollment, Sequence, SequenceStep, Variant
from tests.dashboard.conftest import Htmx, text_of
from tests.outreach import enroll, make_prospect, make_sequence, sent

MUTATIONS = (
    "sequence-change",
    "sequence-switch",
    "step-add",
    "step-day",
    "step-move",
    "step-remove",
    "wording-create",
    "wording-switch",
)


@pytest.fixture
def sequence(db: None) -> Sequence:
    return make_sequence()


def page(browser: Client, sequence: Sequence) -> str:
    return text_of(browser.get(reverse("sequence-detail", args=[sequence.pk])))


def test_a_new_sequence_is_paused_and_opened(browser: Client) -> None:
    response = browser.post(reverse("sequence-create"), {"name": "Dentists"}, follow=True)
    assert "No step yet." in text_of(response)
    assert not Sequence.objects.get(name="Dentists").active


def test_a_name_that_is_taken_is_refused(browser: Client, sequence: Sequence) -> None:
    response = browser.post(reverse("sequence-create"), {"name": sequence.name})
    assert response.status_code == 422
    assert "already" in text_of(response)


def test_each_wording_stands_with_its_replies_and_its_chance(
    browser: Client, sequence: Sequence
) -> None:
    first = sequence.steps.get(position=0)
    enrollment = enroll(make_prospect(), sequence, 1)
    touch = sent(enrollment, first)
    touch.replied_at = touch.sent_at
    touch.save()
    text = page(browser, sequence)
    assert "1 of 1 replied, 100 %" in text
    assert "used next" in text
    assert "Opened is not tracked" in text


def test_a_step_is_added_and_its_wording_asked_for(browser: Client, sequence: Sequence) -> None:
    data = {"day": "20", "channel": "email"}
    response = browser.post(reverse("step-add", args=[sequence.pk]), data, follow=True)
    assert "New wording of step 6" in text_of(response)


def test_a_step_moves_and_goes(browser: Client, sequence: Sequence) -> None:
    step = sequence.steps.get(position=1)
    browser.post(reverse("step-move", args=[step.pk]), {"way": "down"})
    assert SequenceStep.objects.get(pk=step.pk).position == 2
    browser.post(reverse("step-remove", args=[step.pk]))
    assert not SequenceStep.objects.filter(pk=step.pk).exists()


def test_a_day_out_of_order_is_refused_in_words(browser: Client, sequence: Sequence) -> None:
    step = sequence.steps.get(position=1)
    url = reverse("step-day", args=[step.pk])
    assert "can be on day 0 to 7" in text_of(browser.post(url, {"day": "9"}, follow=True))
    assert "A day is a number" in text_of(browser.post(url, {"day": "soon"}, follow=True))


def test_a_paused_sequence_says_what_that_means(browser: Client, sequence: Sequence) -> None:
    browser.post(reverse("sequence-switch", args=[sequence.pk]))
    assert "no further step falls due" in page(browser, sequence)
    browser.post(reverse("sequence-switch", args=[sequence.pk]), {"active": "on"})
    assert Sequence.objects.get(pk=sequence.pk).active


def test_hours_stay_within_those_of_the_law(browser: Client, sequence: Sequence) -> None:
    url = reverse("sequence-change", args=[sequence.pk])
    data = {"name": sequence.name, "send_from": "7", "send_until": "20"}
    assert browser.post(url, data).status_code == 422
    browser.post(url, data | {"send_from": "9", "send_until": "12"})
    assert Sequence.objects.get(pk=sequence.pk).send_until == 12


def test_a_wording_is_previewed_with_a_real_prospects_facts(
    browser: Client, htmx: Htmx, sequence: Sequence
) -> None:
    make_prospect()
    variant = Variant.objects.filter(step__sequence=sequence).first()
    assert variant is not None
    text = text_of(browser.get(reverse("wording-detail", args=[variant.pk])))
    assert "Two of five reviews say nobody picks up" in text
    url = reverse("wording-save", args=[variant.step_id, variant.pk])
    data = {"name": "A", "subject": "Hi {company}", "body": "<b>Hey</b> {first_name}"}
    response = htmx.post(url, "wording-preview", data | {"then": "preview"})
    assert "&lt;b&gt;Hey&lt;/b&gt; Dana" in response.content.decode()
    assert Variant.objects.get(pk=variant.pk).subject == variant.subject


def test_a_wording_too_long_to_go_out_is_refused_and_not_previewed(
    browser: Client, sequence: Sequence
) -> None:
    make_prospect()
    step = sequence.steps.get(position=0)
    data = {"name": "C", "subject": "Hi", "body": "word " * 700}
    response = browser.post(reverse("wording-create", args=[step.pk]), data)
    assert response.status_code == 422
    assert "It is too long to go out" in text_of(response)
    assert "at most 2000 characters" in text_of(response)


def test_a_wording_with_a_wrong_placeholder_is_not_saved(
    browser: Client, sequence: Sequence
) -> None:
    step = sequence.steps.get(position=0)
    data = {"name": "C", "subject": "Hi", "body": "Hi {nickname}"}
    response = browser.post(reverse("wording-create", args=[step.pk]), data)
    assert response.status_code == 422
    assert "There is no placeholder {nickname}" in text_of(response)
    assert step.variants.count() == 2


def test_a_saved_wording_is_in_the_trail(browser: Client, sequence: Sequence) -> None:
    step = sequence.steps.get(position=0)
    data = {"name": "C", "subject": "Hi {company}", "body": "Hi {first_name},\r\n\r\nbye"}
    browser.post(reverse("wording-create", args=[step.pk]), data)
    assert step.variants.get(name="C").body == "Hi {first_name},\n\nbye"
    assert AuditEntry.objects.filter(verb="variant.created", actor="olivia").exists()


def test_somebody_is_taken_out_once(browser: Client, sequence: Sequence) -> None:
    enrollment = enroll(make_prospect(), sequence)
    url = reverse("enrollment-stop", args=[enrollment.pk])
    assert "is out; what waited is withdrawn" in text_of(browser.post(url, follow=True))
    enrollment.refresh_from_db()
    assert enrollment.stop_reason == Enrollment.Stop.OPERATOR
    assert "is out of it already" in text_of(browser.post(url, follow=True))


@pytest.mark.parametrize("name", MUTATIONS)
def test_changes_are_posted_and_need_a_login(name: str, client: Client, browser: Client) -> None:
    url = reverse(name, args=[1])
    assert browser.get(url).status_code == 405
    assert browser.post(url).status_code == 404
    client.logout()
    assert client.post(url).status_code == 302
