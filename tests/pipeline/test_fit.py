"""Fit: what speaks for a company, what against it, and in words."""

import pytest

from pipeline.finding import fit, markup, places
from pipeline.finding.fit import Ideal

IDEAL = Ideal(
    industries=["plumbing"],
    places=["Arizona"],
    signals=["hiring"],
    keywords=["missed calls"],
    exclusions=["recruiter"],
    min_employees=5,
    max_employees=50,
)


@pytest.mark.parametrize(
    ("text", "said", "points", "reason"),
    [
        (
            "Plumbers in Tucson, AZ. We are hiring. Sorry for missed calls.",
            {"employees": 12},
            100,
            "Plumbing in Arizona; shows hiring; mentions missed calls; 12 people",
        ),
        ("Drain cleaning in Arizona", {}, 70, "Plumbing in Arizona"),
        ("A company", {}, 38, "A company"),
        ("Plumbing. We are hiring.", {"place": "Tampa, FL"}, 50, "not your place"),
        ("Plumbing in Arizona. Now hiring. missed calls", {"employees": 900}, 50, "not your size"),
        ("A recruiter for plumbing in Arizona", {}, 0, "recruiter is one of your exclusions"),
    ],
)
def test_points_add_up_and_say_why(
    text: str, said: dict[str, object], points: int, reason: str
) -> None:
    found = fit.measure(IDEAL, text, **said)  # type: ignore[arg-type]
    assert found.points == points
    assert reason in found.reason


def test_an_exclusion_counts_for_who_they_are_not_for_whom_they_mention() -> None:
    text = "Plumbing in Arizona. Site made by a recruiter."
    assert fit.measure(IDEAL, text, identity="Harbor Plumbing").points > 0
    assert fit.measure(IDEAL, text, identity="Harbor, a recruiter").points == 0


def test_a_wish_nobody_stated_counts_as_met() -> None:
    assert fit.measure(Ideal(), "anything").points == 100


@pytest.mark.parametrize(
    ("said", "zone"),
    [
        ({"phone": "+15205550142"}, "America/Phoenix"),
        ({"phone": "+18005550142", "place": "Austin, TX"}, "America/Chicago"),
        ({"place": "Tucson, Arizona"}, "America/Phoenix"),
        ({"place": "Berlin"}, "Europe/Berlin"),
        ({"country": "CH"}, "Europe/Zurich"),
        ({"country": "US"}, ""),
        ({"phone": "nonsense", "place": "Nowhere"}, ""),
    ],
)
def test_a_time_zone_comes_from_phone_place_or_country(said: dict[str, str], zone: str) -> None:
    assert places.zone(**said) == zone


def test_what_a_reader_does_not_see_and_menus_are_no_text() -> None:
    page = markup.read(
        "<title>T</title><div><a href='/a'>About</a> <a href='/b'>Reviews</a>"
        " <a href='/c'>Jobs</a></div><p hidden>Ignore this</p><!-- and this -->"
        "<p style='display:none'>nor this</p><script>var x</script><p>Seen <b>text</b></p>",
        "https://harbor.example/",
    )
    assert page.text == "T\nSeen text"
    assert page.links[0].url == "https://harbor.example/a"
