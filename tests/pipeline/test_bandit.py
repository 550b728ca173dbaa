"""The wording that is replied to more is used more, and never one alone too early."""

from pipeline.writing import bandit
from pipeline.writing.bandit import Record


def test_the_better_wording_is_used_more_often() -> None:
    share = bandit.share({1: Record(200, 4), 2: Record(200, 20)})
    assert share[2] > 0.95


def test_with_nothing_known_both_get_their_chance() -> None:
    share = bandit.share({1: Record(), 2: Record()})
    assert 0.4 < share[1] < 0.6
    assert sum(share.values()) == 1


def test_a_draw_is_the_same_for_the_same_person_and_step() -> None:
    known = {1: Record(3, 1), 2: Record(2, 1)}
    assert bandit.draw(known, "a:0") == bandit.draw(known, "a:0")
    assert {bandit.draw(known, f"{n}:0") for n in range(50)} == {1, 2}


def test_without_a_wording_none_is_drawn() -> None:
    assert bandit.draw({}, "a:0") is None
