"""Two prospects that are one company: suggested, looked at, merged, taken apart."""

import pytest
from django.test import Client
from django.urls import reverse

from pipeline import merges
from pipeline.models import Prospect, ProspectKey, ProspectMerge
from tests.dashboard.conftest import text_of
from tests.factories import make_user
from tests.outreach import enroll, make_prospect, make_reply, make_sequence, sent


def pairs() -> list[set[str]]:
    return [{pair.kept.name, pair.gone.name} for pair in merges.suggestions()]


@pytest.mark.usefixtures("db")
def test_the_same_phone_or_the_same_name_near_by_is_suggested() -> None:
    make_prospect("Harbor Plumbing", phone="+15205550142")
    make_prospect("Harbour Pipes", phone="+15205550142")
    make_prospect("Desert Roofing")
    make_prospect("The Desert-Roofing, LLC", place="Tucson")
    make_prospect("Copper Electric", place="Tucson")
    make_prospect("Copper Electric Inc.", place="Chicago")
    make_prospect("No phone")
    assert pairs() == [
        {"Harbor Plumbing", "Harbour Pipes"},
        {"Desert Roofing", "The Desert-Roofing, LLC"},
    ]


def test_a_pair_that_is_two_is_not_suggested_again(browser: Client) -> None:
    one, other = make_prospect("Harbor"), make_prospect("Harbor LLC")
    browser.post(reverse("keep-apart", args=[one.pk]), {"gone": str(other.pk)})
    assert pairs() == []


def test_nothing_is_merged_by_looking(browser: Client) -> None:
    one, other = make_prospect("Harbor"), make_prospect("Harbor LLC", phone="+15205550142")
    url = reverse("prospect-merge", args=[one.pk])
    assert "Harbor LLC" in text_of(browser.get(url))
    page = text_of(browser.get(url, {"gone": str(other.pk)}))
    assert "It brings 1 people, 3 facts." in page
    assert "What is green is filled in from it." in page
    assert not ProspectMerge.objects.exists()


def test_all_that_belongs_to_it_moves_and_comes_back(browser: Client) -> None:
    kept = make_prospect("Harbor", status="new", phone="")
    gone = make_prospect("Harbor LLC", status="replied", phone="+15205550142")
    ProspectKey.objects.create(kind="phone", value="+15205550142", prospect=gone)
    sequence = make_sequence()
    enrollment = enroll(gone, sequence)
    sent(enrollment, sequence.steps.get(position=0))
    make_reply(gone)
    primary = gone.contacts.get()
    url = reverse("prospect-merge", args=[kept.pk])
    page = browser.post(url, {"gone": str(gone.pk)}, follow=True)
    kept.refresh_from_db()
    gone.refresh_from_db()
    assert (gone.merged_into, kept.phone, kept.status) == (kept, "+15205550142", "replied")
    assert kept.enrollments.get().stop_reason == "operator"
    for name in merges.MOVES:
        assert not getattr(gone, name).exists(), name
        assert getattr(kept, name).exists() or name == "tasks", name
    assert kept.contacts.get(is_primary=True) != primary
    (undo,) = {part for part in page.content.decode().split('"') if part.endswith("/undo/")}
    browser.post(undo)
    kept.refresh_from_db()
    gone.refresh_from_db()
    assert (gone.merged_into, kept.phone, kept.status) == (None, "", "new")
    assert gone.contacts.get(is_primary=True) == primary
    assert gone.touches.count() == gone.mails.count() == gone.keys.count() == 1
    assert gone.facts.count() == kept.facts.count() == 3
    assert "Not taken back." in text_of(browser.post(undo, follow=True))


@pytest.mark.usefixtures("db")
def test_what_changed_since_a_merge_stays_when_it_is_taken_back() -> None:
    kept, gone = make_prospect("Harbor"), make_prospect("Harbor LLC", phone="+15205550142")
    by = make_user("otto")
    row = merges.merge(kept.pk, gone.pk, by=by)
    Prospect.objects.filter(pk=kept.pk).update(phone="+15205550199")
    merges.undo(row.pk, by=by)
    kept.refresh_from_db()
    assert kept.phone == "+15205550199"


def test_what_cannot_be_merged_says_why(browser: Client) -> None:
    kept = make_prospect("Harbor")
    real = make_prospect("Harbor LLC", world="real")
    gone = make_prospect("Gone", merged_into=kept)
    url = reverse("prospect-merge", args=[kept.pk])
    for other, why in (
        (kept, "That is one prospect already."),
        (real, "One is real and the other of the sandbox."),
        (gone, "Gone is part of another prospect already."),
    ):
        response = browser.post(url, {"gone": str(other.pk)})
        assert response.status_code == 409
        assert why in text_of(response)
    assert not ProspectMerge.objects.exists()
