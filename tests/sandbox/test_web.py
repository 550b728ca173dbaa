"""The sites of the market, over HTTP."""

import csv
import http.client
import io
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

import feedparser
import pytest
from protego import Protego
from selectolax.lexbor import LexborHTMLParser

from sandbox.market import directory, news, overpass, sites, web
from sandbox.market.clock import DAY_SECONDS, Clock
from sandbox.market.world import World

WORLD = World(1)


@dataclass
class Visitor:
    """Asks the one port for any host."""

    port: int

    def get(
        self, host: str, path: str, body: str | None = None, **headers: str
    ) -> tuple[int, http.client.HTTPMessage, str]:
        asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        asked.request("GET" if body is None else "POST", path, body, {"Host": host, **headers})
        answer = asked.getresponse()
        found = answer.status, answer.headers, answer.read().decode()
        asked.close()
        return found


@pytest.fixture(scope="module")
def visitor() -> Iterator[Visitor]:
    with web.serving(web.Sites(WORLD, Clock(time.time(), 1.0)), 0) as port:
        yield Visitor(port)


def later(days: float) -> web.Sites:
    """Return the sites as they are so many business days after the beginning."""
    return web.Sites(WORLD, Clock(0.0, 1.0, wall=lambda: days * DAY_SECONDS))


def test_every_page_of_every_site_parses() -> None:
    for company in WORLD.companies:
        names = sites.page_names(company)
        assert 4 <= len(names) <= 8
        for name in names:
            page = LexborHTMLParser(sites.render(company, name))
            assert page.body is not None and page.body.text(strip=True)
            known = page.css('script[type="application/ld+json"]')
            if not company.quirks & {"no_structured_data", "broken_html"}:
                assert json.loads(known[0].text())["telephone"] == company.phone


def test_a_site_tells_how_to_reach_its_people() -> None:
    company = next(one for one in WORLD.companies if "hidden_people" not in one.quirks)
    pages = "".join(sites.render(company, name) for name in sites.page_names(company))
    assert f"mailto:{company.general.email}" in pages
    assert f"tel:{company.phone}" in pages
    hidden = next(one for one in WORLD.companies if "hidden_people" in one.quirks)
    pages = "".join(sites.render(hidden, name) for name in sites.page_names(hidden))
    assert hidden.owner.email not in pages


def test_what_a_company_suffers_from_stands_on_its_site() -> None:
    for company in WORLD.companies:
        pages = {name: sites.render(company, name) for name in sites.page_names(company)}
        assert "notice" in pages["home"]
        assert ("careers" in pages) == ("hiring" in company.signals)


def test_hosts_are_told_apart(visitor: Visitor) -> None:
    fine = [one for one in WORLD.companies if not one.quirks][:2]
    for company in fine:
        status, headers, text = visitor.get(company.domain, "/")
        assert status == 200
        assert headers["Content-Type"] == sites.HTML
        assert f"<h1>{company.name}" in text.replace("&amp;", "&")
        assert visitor.get(f"www.{company.domain}:80", "/")[2] == text
    assert visitor.get("nobody.example", "/")[0] == 404
    assert visitor.get(fine[0].domain, "/wp-login")[0] == 404


def test_a_contact_form_can_be_sent(visitor: Visitor) -> None:
    company = next(one for one in WORLD.companies if not one.quirks)
    status, _, text = visitor.get(company.domain, "/contact", urlencode({"name": "Alex"}))
    assert status == 200
    assert "get back to you" in text


@pytest.mark.parametrize(
    ("quirk", "path", "status"),
    [("down", "/", 503), ("down", "/robots.txt", 503), ("pages_missing", "/about", 404)],
)
def test_some_sites_are_out_of_order(visitor: Visitor, quirk: str, path: str, status: int) -> None:
    company = next(one for one in WORLD.companies if quirk in one.quirks)
    assert visitor.get(company.domain, path)[0] == status


def test_robots_txt_says_who_may_look(visitor: Visitor) -> None:
    shut = next(one for one in WORLD.companies if "robots_disallow" in one.quirks)
    open_ = next(one for one in WORLD.companies if not one.quirks)
    for company, allowed in ((shut, False), (open_, True)):
        rules = Protego.parse(visitor.get(company.domain, "/robots.txt")[2])
        assert rules.can_fetch(company.website, "center") is allowed
    for host in (news.HOST, directory.HOST, overpass.HOST):
        assert visitor.get(host, "/robots.txt")[0] == 200


@pytest.mark.parametrize("path", ["/feed.xml", "/atom.xml"])
def test_the_feed_tells_of_companies(visitor: Visitor, path: str) -> None:
    _, headers, text = visitor.get(news.HOST, path)
    feed = feedparser.parse(text)
    assert not feed.bozo
    assert len(feed.entries) == 25
    entry = feed.entries[0]
    (domain,) = re.findall(r'href="https://([\w.-]+)/"', entry.summary)
    assert WORLD.by_domain[domain].name in entry.summary.replace("&amp;", "&")
    story = visitor.get(news.HOST, entry.link.partition(news.HOST)[2])[2]
    assert f'href="https://{domain}/"' in story
    assert visitor.get(news.HOST, path, **{"If-None-Match": headers["ETag"]})[0] == 304


def test_news_comes_up_as_business_time_goes_on() -> None:
    def links(days: float) -> list[str]:
        answer = later(days).respond(news.HOST, "GET", "/feed.xml", web.Sent({}))
        return [entry.link for entry in feedparser.parse(answer.body).entries]

    now, soon, much_later = links(0), links(0.13), links(90)
    assert soon[2:] == now[:-2]
    assert len(set(much_later)) == 25
    assert not set(now) & set(much_later)


def test_listing_pages_lead_on_and_name_everybody_once(visitor: Visitor) -> None:
    for trade in ("plumbing", "hvac", "home-services"):
        path, found = f"/arizona/{trade}", []
        while path:
            page = LexborHTMLParser(visitor.get(directory.HOST, path)[2])
            found += [node.attributes["href"] for node in page.css("li.listing a.website")]
            onward = page.css_first('a[rel="next"]')
            path = onward.attributes["href"] or "" if onward else ""
        known = [one for one in WORLD.open_on(0) if one.in_directory and one.city.in_arizona]
        assert sorted(map(str, found)) == sorted(
            one.website for one in known if one.trade.slug == trade
        )
    assert visitor.get(directory.HOST, "/arizona/plumbing?page=99")[0] == 404
    assert visitor.get(directory.HOST, "/arizona/wizards")[0] == 404


def test_the_export_reads_as_csv(visitor: Visitor) -> None:
    text = visitor.get(directory.HOST, "/export.csv")[2].removeprefix("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == len([one for one in WORLD.open_on(0) if one.in_export])
    assert rows[0]["Website"].endswith(".example/")
    assert "@" in rows[0]["Email"]


@pytest.mark.parametrize("how", ["form", "bare", "address"])
def test_the_map_answers_queries(visitor: Visitor, how: str) -> None:
    query = '[out:json];area["name"="Arizona"]->.a;nwr["craft"="plumber"](area.a);out center tags;'
    form = urlencode({"data": query})
    path, body = overpass.PATH, {"form": form, "bare": query, "address": None}[how]
    if how == "address":
        path += f"?{form}"
    found = json.loads(visitor.get(overpass.HOST, path, body)[2])["elements"]
    known = [
        one
        for one in WORLD.open_on(0)
        if one.in_map and one.city.in_arizona and one.trade.slug == "plumbing"
    ]
    assert {each["tags"]["name"] for each in found} == {one.name for one in known}
    assert {each["type"] for each in found} == {"node", "way"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('node["craft"~"^(plumber|roofer)$"](31,-112,33,-110);out;', {"Tucson", "Casa Grande"}),
        (
            '(area["name"="Mesa"];area["name"="Yuma"];)->.a;nwr["craft"~"hvac|roofer"](area.a);out;',
            {"Mesa", "Yuma"},
        ),
        ('(node["amenity"="dentist"](33,-113,34,-112.2);way["craft"="x"];);out;', {"Goodyear"}),
    ],
)
def test_the_map_knows_boxes_and_choices(visitor: Visitor, query: str, expected: set[str]) -> None:
    found = json.loads(visitor.get(overpass.HOST, overpass.PATH, query)[2])["elements"]
    assert {each["tags"]["addr:city"] for each in found} == expected


def test_what_is_no_query_is_refused(visitor: Visitor) -> None:
    assert visitor.get(overpass.HOST, overpass.PATH, "hello")[0] == 400
