"""Pages made to keep their reader busy, or to hand it what cannot be kept."""

import json

import pytest

from integrations import web
from integrations.errors import ServiceError
from pipeline.finding import candidates, markup
from pipeline.finding.sources import feed, listing, overpass
from pipeline.models import Source

HOME = "https://harbor.example/"


def page(body: str) -> web.Page:
    return web.Page(HOME, 200, "text/html", body.encode(), body, fetched_at=None)  # type: ignore[arg-type]


def test_a_menu_is_left_out_and_words_stay() -> None:
    links = "<a href='/a'>About us</a> | <a href='/c'>Contact</a> | <a href='/h'>Home</a>"
    found = markup.read(f"<p>{links}</p><p>About us and how to contact us at home</p>", HOME)
    assert found.text == "About us and how to contact us at home"


def test_links_that_all_begin_alike_are_looked_up_and_not_tried_one_by_one() -> None:
    alike = "".join(f"<a href=/{at}>{'a ' * 90}{at}</a>" for at in range(290))
    found = markup.read(f"{alike}<a href=z>b</a><p>{'a ' * 400_000}</p>", HOME)
    assert len(found.links) == 291


def test_a_page_that_nests_without_end_is_read_so_far() -> None:
    assert markup.read("<p>Plumbers.</p>" + "<div>" * 190_000, HOME).text == "Plumbers."


def test_a_directory_of_entries_in_entries_names_nobody() -> None:
    body = "<article>" * 4_000 + "<a href=https://quay.example>Quay</a>" * 3_000
    source = Source(kind="listing", url=HOME)
    assert listing._companies(page(body), markup.read(body, HOME), source.query) == []


def test_half_a_character_in_structured_data_is_replaced() -> None:
    thing = {
        "@type": "Plumber",
        "name": "Quay\ud800 Pipes\x00",
        "url": "https://quay.example/\udc00",
    }
    body = f'<script type="application/ld+json">{json.dumps(thing)}</script>'
    (company,) = markup.companies(markup.read(body, HOME))
    candidate, _ = candidates.read(markup.described(company))
    assert candidate is not None
    candidate.model_dump_json().encode()
    assert candidates.text("Quay\ud800 Pipes", 50) == "Quay Pipes"


@pytest.mark.parametrize("text", ["&#xD800;", "&#55296; & <"])
def test_a_feed_with_half_a_character_is_a_source_that_fails(text: str) -> None:
    body = f"<rss version='2.0'><channel><item><title>{text}</title></item></channel></rss>"
    with pytest.raises(ServiceError, match="feed"):
        list(feed.entries(Source(kind="feed", url=HOME), page(body), web.INTERNET))


@pytest.mark.parametrize("elements", ['{"a": 1}', "7", '"ab"', "null", "[1, null, {}]"])
def test_an_answer_of_overpass_in_another_shape_names_nobody(elements: str) -> None:
    source = Source(kind="overpass", url=HOME)
    try:
        batches = list(overpass.entries(source, page(f'{{"elements": {elements}}}'), web.INTERNET))
    except ServiceError:
        return
    assert batches == [[]]
