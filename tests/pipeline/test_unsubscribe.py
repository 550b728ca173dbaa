"""The unsubscribe link: one press or one POST of a mail provider, without cookies, for good."""

import uuid

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from control.models import Action, Decision
from pipeline.mail import unsubscribe
from pipeline.models import Contact, Enrollment, Suppression
from tests.letters import DANA, enroll, make_prospect, make_touch

pytestmark = pytest.mark.django_db
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def outside() -> Client:
    """A mail provider: no cookies, no token of ours."""
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def enrollment() -> Enrollment:
    return enroll(make_prospect())


def path(contact: Contact) -> str:
    return f"/u/{unsubscribe.token(contact)}/"


def test_one_click_is_honoured_without_cookies(outside: Client, enrollment: Enrollment) -> None:
    touch = make_touch(enrollment.prospect)
    response = outside.post(path(enrollment.contact), ONE_CLICK)
    for row in (enrollment, touch):
        row.refresh_from_db()
    assert response.status_code == 200
    assert not response.cookies
    assert Suppression.objects.get().value == DANA
    assert (enrollment.status, enrollment.stop_reason) == ("stopped", "unsubscribe")
    assert touch.unsubscribed_at is not None


def test_a_scanner_that_opens_it_changes_nothing(outside: Client, enrollment: Enrollment) -> None:
    for method in (outside.get, outside.head):
        response = method(path(enrollment.contact))
        assert response.status_code == 200
        assert not response.cookies
    enrollment.refresh_from_db()
    assert enrollment.status == "active"
    assert not Suppression.objects.exists()


def test_the_page_asks_and_then_says_it_is_done(outside: Client, enrollment: Enrollment) -> None:
    asked = outside.get(path(enrollment.contact))
    assert DANA in asked.content.decode()
    assert "no-store" in asked["Cache-Control"]
    done = outside.post(path(enrollment.contact))
    assert "You are unsubscribed" in done.content.decode()


def test_it_works_twice(outside: Client, enrollment: Enrollment) -> None:
    touch = make_touch(enrollment.prospect)
    outside.post(path(enrollment.contact), ONE_CLICK)
    touch.refresh_from_db()
    first = touch.unsubscribed_at
    assert outside.post(path(enrollment.contact), ONE_CLICK).status_code == 200
    touch.refresh_from_db()
    assert touch.unsubscribed_at == first
    assert Suppression.objects.count() == 1


def test_it_works_before_the_mail_is_recorded_as_sent(
    outside: Client, enrollment: Enrollment
) -> None:
    assert outside.post(path(enrollment.contact), ONE_CLICK).status_code == 200
    assert Suppression.objects.get().value == DANA


def test_it_works_when_the_contact_is_gone_or_has_moved(outside: Client) -> None:
    prospect = make_prospect()
    contact = prospect.contacts.get()
    make_touch(prospect)
    link = path(contact)
    Contact.objects.filter(pk=contact.pk).update(email="new@harborplumbing.example")
    outside.post(link, ONE_CLICK)
    assert [row.value for row in Suppression.objects.all()] == [DANA]
    contact.delete()
    assert outside.post(link, ONE_CLICK).status_code == 200


def test_what_is_approved_and_has_not_left_is_withdrawn(
    outside: Client, enrollment: Enrollment
) -> None:
    prospect, now = enrollment.prospect, timezone.now()
    action = Action.objects.create(
        kind="send_email",
        params={},
        agent="outreach",
        subject_type="pipeline.prospect",
        subject_id=str(prospect.pk),
        correlation_id=uuid.uuid4(),
        summary="A mail",
        reason="A test",
        stakes="medium",
        outward=True,
        channel="email",
        status=Action.Status.WAITING,
        expires_at=now,
    )
    outside.post(path(enrollment.contact), ONE_CLICK)
    action.refresh_from_db()
    assert action.status not in {Action.Status.WAITING, Action.Status.APPROVED}
    assert not Decision.objects.filter(action=action, verdict="approve").exists()


@pytest.mark.parametrize("change", ["", "x", "1", ".", "=", "A" * 300])
def test_a_forged_or_cut_token_is_refused(
    outside: Client, enrollment: Enrollment, change: str
) -> None:
    good = unsubscribe.token(enrollment.contact)
    forged = change + good[:-1] if change else good[:-4]
    assert outside.post(f"/u/{forged}/", ONE_CLICK).status_code == 404
    assert outside.get(f"/u/{forged}/").status_code == 404
    assert not Suppression.objects.exists()


def test_the_signature_of_one_address_is_not_good_for_another() -> None:
    one = make_prospect().contacts.get()
    other = make_prospect("Vale Dental", email="info@vale.example").contacts.get()
    mixed = (
        unsubscribe.token(other).partition(".")[0] + "." + unsubscribe.token(one).partition(".")[2]
    )
    with pytest.raises(unsubscribe.BadToken):
        unsubscribe.honour(mixed)


def test_guessing_is_slowed_down_and_right_links_are_not(
    outside: Client, enrollment: Enrollment
) -> None:
    answers = [outside.get("/u/guess.work/").status_code for _ in range(25)]
    assert answers[0] == 404
    assert answers[-1] == 429
    assert outside.post(path(enrollment.contact), ONE_CLICK).status_code == 200


def test_other_methods_are_refused(outside: Client, enrollment: Enrollment) -> None:
    assert outside.put(path(enrollment.contact)).status_code == 405


def test_the_link_in_a_mail_is_this_page(outside: Client, enrollment: Enrollment) -> None:
    link = unsubscribe.url(enrollment.contact)
    assert link == settings.PUBLIC_URL + path(enrollment.contact)


def test_it_stops_the_prospect_that_theirs_was_merged_into(
    outside: Client, enrollment: Enrollment
) -> None:
    kept, gone = enrollment.prospect, make_prospect("Harbor", merged_into=enrollment.prospect)
    outside.post(path(gone.contacts.get()))
    enrollment.refresh_from_db()
    assert (enrollment.prospect, enrollment.stop_reason) == (kept, "unsubscribe")
