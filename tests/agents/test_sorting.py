"""What answers to cold mail are, by rules."""

import pytest

from agents import sorting

ANSWERS = [
    ("Please unsubscribe me.", "unsubscribe"),
    ("Take me off your list, I am interested in nothing.", "unsubscribe"),
    ("Don't email me again.", "unsubscribe"),
    ("Stop emailing us. We will report this as spam.", "unsubscribe"),
    ("I am out of office until Monday and will reply when I am back.", "out_of_office"),
    ("We are on vacation. Back on 12 March.", "out_of_office"),
    ("Not interested, thanks.", "not_interested"),
    ("No thank you, we are all set.", "not_interested"),
    ("We already have somebody for this.", "not_interested"),
    ("Please talk to my partner Jo, she handles this.", "referral"),
    ("I'm not the right person. Write to our office manager.", "referral"),
    ("Maybe later, we are in our busy season.", "later"),
    ("Try us again next quarter.", "later"),
    ("Sounds interesting, when could we talk?", "interested"),
    ("Yes please, send me more.", "interested"),
    ("Happy to hear more. Call me tomorrow.", "interested"),
    ("What does it cost?", "question"),
    ("Does it work with ServiceTitan?", "question"),
]


@pytest.mark.parametrize(("text", "label"), ANSWERS)
def test_an_answer_is_sorted_by_how_it_is_worded(text: str, label: str) -> None:
    assert sorting.label(text)[0] == label


def test_peace_comes_first_whatever_else_they_write() -> None:
    text = "Sounds good, tell me more? No, really: unsubscribe."
    assert sorting.label(text)[0] == "unsubscribe"


def test_our_own_subject_behind_re_says_nothing_about_them() -> None:
    assert sorting.label("Who is this?", subject="Re: sounds good")[0] == "question"
    assert sorting.label("", subject="Unsubscribe")[0] == "unsubscribe"


def test_what_a_machine_sent_is_out_of_office() -> None:
    assert sorting.label("We have received your message", automatic=True)[0] == "out_of_office"


def test_what_fits_nothing_is_for_the_operator_to_read() -> None:
    label, reason = sorting.label("Hm.")
    assert (label, "read it" in reason) == ("question", True)
