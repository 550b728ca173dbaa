"""The companies and people of the market."""

from collections import Counter

from sandbox.market import rates
from sandbox.market.world import World


def test_the_same_seed_is_the_same_world() -> None:
    assert World(7).companies == World(7).companies
    assert World(7).companies != World(8).companies


def test_no_two_companies_share_what_tells_them_apart() -> None:
    for seed in range(5):
        companies = World(seed).companies
        assert len(companies) == rates.COMPANIES
        for tells in ("name", "domain", "phone"):
            assert len({getattr(one, tells) for one in companies}) == rates.COMPANIES, tells
        people = [person.email for one in companies for person in one.people]
        assert len(set(people)) == len(people)


def test_nobody_in_it_can_be_real() -> None:
    for company in World(3).companies:
        assert company.domain.endswith(".example")
        assert company.phone[5:10] == "55501"
        assert all(person.email.endswith(f"@{company.domain}") for person in company.people)


def test_tempers_are_dealt_as_the_table_says() -> None:
    people = [person for one in World(1).companies for person in one.people]
    found = Counter(person.temper for person in people)
    for temper, share in rates.TEMPERS.items():
        assert abs(found[temper] - share * len(people)) <= 6, temper


def test_most_fit_some_are_far_away_and_some_excluded() -> None:
    companies = World(1).companies
    fitting = [one for one in companies if one.trade.fits and one.city.in_arizona]
    assert len(fitting) == rates.FITTING * rates.COMPANIES
    assert len([one for one in companies if not one.city.in_arizona]) == 40
    assert len([one for one in companies if not one.trade.fits]) == 40


def test_directories_grow_day_by_day() -> None:
    world = World(1)
    known = [len(world.open_on(day)) for day in (0, 10, rates.OPENING_DAYS)]
    assert known[0] == round(rates.OPEN_AT_START * rates.COMPANIES)
    assert known[0] < known[1] < known[2] == rates.COMPANIES
