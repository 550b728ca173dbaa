"""A cold mail says of a company only what a fact says."""

import pytest

from control import kinds
from pipeline.models import Variant
from pipeline.writing import claims
from pipeline.writing.claims import Claim
from tests.people import drafted, make_prospect, make_sequence

FACTS = {
    1: "They miss calls. We are hiring a receptionist because we keep missing calls",
    2: "They have two locations. Visit us in Mesa and Tempe since 2019",
}
OWN = "We answer missed calls by text within a minute. Would twenty minutes be worth it for you?"


def objection(body: str, *made: Claim) -> str:
    return claims.objection(body, made, FACTS, own=OWN, company="Mesa Pipe Works")


def test_what_a_fact_says_may_be_said() -> None:
    body = "I read that you are hiring a receptionist because you keep missing calls."
    assert objection(body, Claim(text=body, fact=1)) == ""


def test_the_operators_own_words_and_questions_need_no_fact() -> None:
    assert objection("We answer missed calls by text within a minute. Is that you?") == ""


@pytest.mark.parametrize(
    ("body", "made", "why"),
    [
        ("You lose a third of your customers.", [], "no fact supports"),
        ("Mesa Pipe Works has terrible reviews.", [], "no fact supports"),
        ("You have 14 vans.", [Claim(text="You have 14 vans.", fact=1)], "no fact says"),
        ("You won an award.", [Claim(text="You won an award.", fact=9)], "does not exist"),
        ("Hello.", [Claim(text="You keep missing calls", fact=1)], "does not make"),
        ("Your customers write “never again”.", [], "nobody wrote"),
        ("Since 1987 calls get lost.", [], "no fact has the number 1987"),
        ("You are in Mesa and Tempe and insolvent, bankrupt, closing.", [], "no fact supports"),
    ],
)
def test_what_no_fact_says_is_refused(body: str, made: list[Claim], why: str) -> None:
    assert why in objection(body, *made)


def test_a_quote_of_theirs_may_be_repeated_word_for_word() -> None:
    body = "On your site I read: “We are hiring a receptionist because we keep missing calls”"
    quote = "We are hiring a receptionist because we keep missing calls"
    assert objection(body, Claim(text=quote, fact=1)) == ""


@pytest.mark.django_db
def test_a_subject_claims_no_more_than_a_body_may() -> None:
    prospect = make_prospect()
    action = drafted(prospect)
    kind, params = kinds.get(action.kind), kinds.parsed(action)
    assert kind.objection(action, params) == ""
    for subject in ("Your 40 lost customers", "Your reviews are terrible", "Re: “we are closing”"):
        changed = params.model_copy(update={"subject": subject})
        assert kind.objection(action, changed)


@pytest.mark.django_db
@pytest.mark.parametrize("subject", ["", "{company} in {place}", "{pain}, {first_name}?"])
def test_the_operators_subject_is_filled_and_let_through(subject: str) -> None:
    prospect = make_prospect(industry="plumbing")
    make_sequence()
    Variant.objects.update(subject=subject)
    action = drafted(prospect)
    assert action.params["subject"]
    assert action.error == ""
