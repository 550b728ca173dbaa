"""What people write, read by the app's own rules: a market nobody understands would be no use."""

import pytest

from agency.models import sample_icp
from agents import phrases, rubric, untrusted
from sandbox.market import replies, wording
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
