"""What people write, read by the app's own rules: a market nobody understands would be no use."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from agency.models import sample_icp
from agents import closing, listening, phrases, rubric, sorting, times, untrusted
from pipeline.meetings import words as offers
from sandbox.market import buyers, calls, letters, replies, wording
from sandbox.market.world import Company, Person
from tests.sandbox import answering
from tests.sandbox.answering import WORLD, cold_mail

FITTING = [one for one in WORLD.companies if one.trade.fits and one.city.in_arizona]


def words(act: str, company: Company, person: Person, number: int = 1) -> str:
    letter = answering.letter(cold_mail(person.email, number), person.email)
    return replies.write(act, company, person, letter)


def score(company: Company, text: str) -> int:
    facts = rubric.LeadFacts(
        name=company.owner.name,
        email=company.owner.email,
        company=company.name,
        message=text,
        icp=sample_icp(),
    )
    return rubric.total(rubric.judge(facts), rubric.default_weights())[0]


def test_the_interested_of_a_fitting_company_score_as_leads() -> None:
    scores = [score(one, words("interested", one, one.owner)) for one in FITTING]
    assert min(scores) >= 70


def test_the_interested_and_those_for_later_are_told_apart() -> None:
    for act in ("interested", "later"):
        labels = [sorting.label(words(act, one, one.owner, n))[0] for n, one in enumerate(FITTING)]
        assert labels.count(act) > 0.7 * len(labels), act
        assert not ({"interested", "later"} - {act}) & set(labels), act


def test_all_others_score_less() -> None:
    for act in ("not_interested", "later", "referral", "unsubscribe"):
        scores = [score(one, words(act, one, one.owner)) for one in FITTING[:80]]
        assert max(scores) < 70, act


@pytest.mark.parametrize("act", [*replies.WORDS, "interested", "form"])
def test_every_wording_is_filled_in(act: str) -> None:
    company = WORLD.companies[3]
    texts = {words(act, company, company.owner, number) for number in range(80)}
    assert len(texts) >= 3
    assert not any("{" in text or "}" in text for text in texts)


def test_orders_to_a_machine_are_known_for_what_they_are() -> None:
    unseen = [text for text in wording.INJECTIONS if not untrusted.gives_orders(text)]
    unseen += [text for text in replies.WORDS["injection"] if not untrusted.gives_orders(text)]
    # Some must slip through: what follows from a text must not hang on seeing that it gives orders.
    assert 1 <= len(unseen) <= 6


def test_nobody_sounds_like_a_pitch() -> None:
    for one in FITTING[:100]:
        for act in ("interested", "question", "later", "referral"):
            assert phrases.find_spam(words(act, one, one.owner)) is None


def test_what_is_said_on_a_call_is_heard() -> None:
    said = [
        (person, listening.hear(calls.transcript(one, person, f"{one.number}"), "Alex Moreno"))
        for one in FITTING
        for person in one.people[:1]
    ]
    for person, heard in said:
        assert heard.needs, person
        assert bool(heard.no) == buyers.is_unfit(person), person
        assert heard.no or heard.next_step, person
    objecting = [person for person, heard in said if heard.objections]
    assert len(objecting) > len(said) / 2


def test_a_time_somebody_names_is_understood() -> None:
    zone, now = ZoneInfo("America/Phoenix"), dt.datetime(2026, 3, 2, 15, tzinfo=dt.UTC)
    offered = [now + dt.timedelta(days=1, hours=hour) for hour in (2, 4, 6)]
    named = letters.times("\n".join(offers.when(at, zone) for at in offered))
    assert named == ["Tuesday at 10:00 am", "Tuesday at 12:00 pm", "Tuesday at 2:00 pm"]
    for at, time in zip(offered, named, strict=True):
        for template in replies.WORDS["name_time"]:
            text = template.format(time=time, phone="(520) 555-0142")
            found = times.named(text, free=offered, offered=offered, zone=zone.key, now=now)
            assert found is not None and found.slot == at, text


def test_a_wish_for_a_discount_is_understood() -> None:
    for template in replies.WORDS["haggle"]:
        assert closing.asked_for(template.format(percent=8)) == 8, template
