"""The Qualifier: every lead is scored with reasons, and its answer waits for the operator."""

import pytest

from agency.models import AgencyProfile
from agents.models import Run
from control import overrides
from control.models import Action
from jobs.models import Event, Job
from pipeline.meetings import availability, booking, links
from tests import factories

pytestmark = pytest.mark.django_db


def test_a_lead_is_scored_and_its_answer_waits() -> None:
    lead = factories.received()

    assert lead.status == "qualified"
    assert lead.score is not None and lead.score >= 70
    run = Run.objects.get()
    assert (run.status, run.engine, run.engine_reason) == (
        "completed",
        "rules",
        "no model is configured",
    )
    scored, reply = Action.objects.order_by("pk")
    assert (scored.kind, scored.status) == ("qualify_lead", "done")
    assert (reply.kind, reply.status, reply.level) == ("reply_to_lead", "waiting", "ask")
    assert reply.rendered["to_email"] == "dana@harborplumbing.example"
    assert Event.objects.filter(name="lead.qualified").count() == 1
    assert not Job.objects.exclude(status="completed").exists()


def the_reply() -> Action | None:
    return Action.objects.filter(kind="reply_to_lead").first()


@pytest.mark.parametrize(
    ("message", "status", "said", "reason"),
    [
        (factories.GOOD_MESSAGE, "qualified", "Pick a time here: http", "Qualified:"),
        ("We are plumbers. Can you help us?", "review", "what would you most like", "Unclear:"),
        ("Hello there", "review", "what would you most like", "Unclear:"),
    ],
)
def test_the_answer_fits_the_score(message: str, status: str, said: str, reason: str) -> None:
    lead = factories.received(message=message)
    reply = the_reply()
    assert lead.status == status
    assert reply is not None
    assert said in reply.params["body"]
    assert reply.reason.startswith(reason)
    assert ("Pick a time" in reply.params["body"]) is (status == "qualified")


def test_who_is_no_fit_gets_a_polite_no_and_who_says_nothing_a_question() -> None:
    stranger = {"email": "pat@gmail.com", "company": "", "phone": "", "subject": ""}
    no = factories.received(message="Hello, do you sell garden furniture?", **stranger)
    thin = factories.received(message="Hello!", **stranger)
    assert no.status == thin.status == "disqualified"
    declined, asked = Action.objects.filter(kind="reply_to_lead").order_by("pk")
    assert "not the right people" in declined.params["body"]
    assert declined.reason == "Not a fit: says so politely and promptly."
    assert "what would you most like" in asked.params["body"]
    assert asked.reason.startswith("Unclear:")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"email": ""}, "No answer is drafted: the lead left no e-mail address."),
        (
            {"message": "Dear Sir, we are a leading SEO company and rank your website."},
            "No answer is drafted: it reads like spam or a sales pitch.",
        ),
    ],
)
def test_who_cannot_or_should_not_be_answered_is_not(fields: dict[str, str], why: str) -> None:
    lead = factories.received(**fields)
    assert lead.score is not None
    assert the_reply() is None
    assert why in Run.objects.get().path


def test_every_point_says_why_and_the_points_are_the_score() -> None:
    lead = factories.received()
    assert lead.score == round(sum(part["points"] for part in lead.score_parts))
    assert all(part["why"] for part in lead.score_parts)
    scored = Action.objects.get(kind="qualify_lead")
    sent = f"{lead.subject}\n{lead.message}"
    assert len(scored.evidence) >= 4
    assert all(item["quote"] in sent for item in scored.evidence)


def test_somebody_who_wrote_before_is_known() -> None:
    factories.received()
    again = factories.received()
    part = next(part for part in again.score_parts if part["signal"] == "wrote_before")
    assert (part["points"], part["why"]) == (3, "has written before")


def test_a_score_set_by_hand_stays() -> None:
    lead = factories.make_lead(score=5, status="disqualified")
    changes = {"score": 5, "status": "disqualified"}
    overrides.override(lead, changes, by=factories.make_user(), reason="They told me")
    factories.receive(lead)
    factories.work_off()
    lead.refresh_from_db()
    assert (lead.score, lead.status) == (5, "disqualified")


def test_the_longest_lead_there_can_be_is_scored_and_answered() -> None:
    lead = factories.received(
        name="N" * 200,
        company="C" * 200,
        subject="Do you " + "s" * 293,
        message="We miss calls " + "m" * 19_000 + "? " + "1," * 400 + " k",
        fields={f"field {number}": "f" * 2_000 for number in range(50)},
    )
    assert Run.objects.get().status == "completed"
    assert lead.score is not None
    reply = the_reply()
    assert reply is not None
    assert len(reply.params["subject"]) <= 200
    assert len(reply.params["body"]) < 2_000


def test_the_link_is_the_booking_page_that_knows_the_lead() -> None:
    lead = factories.received()
    reply = the_reply()
    assert reply is not None
    assert f"Pick a time here: {links.book_url(lead)}" in reply.params["body"]


def test_the_link_is_the_operators_own_where_there_is_one() -> None:
    profile = AgencyProfile.load()
    profile.booking_url = "https://calls.northwind.example/alex"
    profile.save()
    factories.received()
    reply = the_reply()
    assert reply is not None
    assert "Pick a time here: https://calls.northwind.example/alex" in reply.params["body"]


def test_who_has_booked_already_gets_no_link() -> None:
    lead = factories.make_lead()
    slot = availability.offer()[0]
    guest = booking.Guest(lead.name, lead.email)
    booking.book(lead, slot.starts_at, guest=guest, by="guest")
    factories.receive(lead)
    factories.work_off()
    assert Run.objects.get(agent="qualifier").status == "completed"
    assert the_reply() is None
