"""`news.market.example`: a local paper whose feed has a new item every hour or two, without end."""

import datetime as dt
import html
import json
import random
from dataclasses import dataclass
from email.utils import format_datetime
from hashlib import sha256

from sandbox.market import rates, sites, wording
from sandbox.market.clock import Clock
from sandbox.market.sites import Answer
from sandbox.market.world import Company, World

HOST = "news.market.example"
BEFORE = 40
"""So many items were out when the market began."""


@dataclass(frozen=True)
class Item:
    """The `number`-th item since the beginning; the ones before it count below zero."""

    number: int
    company: Company
    title: str
    text: str

    @property
    def url(self) -> str:
        return f"https://{HOST}/stories/{self.number + BEFORE}-{self.company.slug}"


def respond(world: World, clock: Clock, path: str, headers: dict[str, str]) -> Answer:
    """Answer a request to the paper."""
    if path == "/robots.txt":
        return sites.plain("User-agent: *\nDisallow: /search\n")
    newest = int(clock.passed() // (rates.NEWS_MINUTES * 60))
    if path in {"/feed.xml", "/atom.xml"}:
        return _feed(world, clock, newest, headers, atom=path == "/atom.xml")
    if path == "/":
        return sites.page_answer(
            '<!doctype html><html><head><title>Arizona Trade News</title><link rel="alternate"'
            ' type="application/rss+xml" href="/feed.xml"></head><body><h1>Arizona Trade News</h1>'
            '<p><a href="/feed.xml">Feed</a></p></body></html>'
        )
    found = path.removeprefix("/stories/").partition("-")[0]
    if path.startswith("/stories/") and found.isdecimal() and int(found) <= newest + BEFORE:
        return sites.page_answer(_story(item(world, int(found) - BEFORE)))
    return sites.page_answer("<h1>Not found</h1>", 404)


def item(world: World, number: int) -> Item:
    """Return the news item of that number; the companies take turns in an order of their own."""
    count = len(world.companies)
    turn, place = divmod(number + BEFORE, count)
    order = list(world.companies)
    random.Random(f"news {world.seed} {turn}").shuffle(order)  # noqa: S311 - the same each time
    company = order[place]
    chance = random.Random(f"news {world.seed} {number}")  # noqa: S311 - the same each time
    title, text = wording.NEWS[chance.choice(company.signals)]
    return Item(
        number,
        company,
        sites.words(company, title, chance),
        sites.words(company, text, chance),
    )


def _feed(
    world: World, clock: Clock, newest: int, headers: dict[str, str], *, atom: bool
) -> Answer:
    items = [item(world, newest - back) for back in range(rates.NEWS_SHOWN)]
    tag = f'"{sha256(f"{world.seed} {newest} {atom}".encode()).hexdigest()[:16]}"'
    known = {"ETag": tag, "Cache-Control": "max-age=0"}
    if headers.get("if-none-match") == tag:
        return Answer(304, "application/xml", b"", known)
    text = _atom(items, clock) if atom else _rss(items, clock)
    kind = "application/atom+xml" if atom else "application/rss+xml"
    return Answer(200, kind, text.encode(), known)


def _rss(items: list[Item], clock: Clock) -> str:
    entries = "".join(
        f"<item><title>{html.escape(each.title)}</title><link>{each.url}</link>"
        f'<guid isPermaLink="true">{each.url}</guid>'
        f"<pubDate>{format_datetime(_time(each, clock))}</pubDate>"
        f"<category>{html.escape(each.company.trade.label)}</category>"
        f"<description>{html.escape(_summary(each))}</description></item>"
        for each in items
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel>'
        f"<title>Arizona Trade News</title><link>https://{HOST}/</link>"
        f"<description>Local business, day by day</description>{entries}</channel></rss>"
    )


def _atom(items: list[Item], clock: Clock) -> str:
    entries = "".join(
        f'<entry><title>{html.escape(each.title)}</title><link href="{each.url}"/>'
        f"<id>{each.url}</id><updated>{_time(each, clock).isoformat()}</updated>"
        f'<summary type="html">{html.escape(_summary(each))}</summary></entry>'
        for each in items
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom">'
        f"<title>Arizona Trade News</title><id>https://{HOST}/</id>"
        f"<updated>{_time(items[0], clock).isoformat()}</updated>{entries}</feed>"
    )


def _time(each: Item, clock: Clock) -> dt.datetime:
    return clock.at(each.number * rates.NEWS_MINUTES * 60)


def _summary(each: Item) -> str:
    link = f'<a href="{each.company.website}">{html.escape(each.company.name)}</a>'
    return f"<p>{html.escape(each.text, quote=False)}</p><p>More: {link}, {each.company.place}</p>"


def _story(each: Item) -> str:
    known = {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "headline": each.title,
        "about": {
            "@type": each.company.trade.schema,
            "name": each.company.name,
            "url": each.company.website,
        },
    }
    return (
        f"<!doctype html><html><head><title>{html.escape(each.title)}</title>"
        f'<script type="application/ld+json">{json.dumps(known)}</script></head><body><article>'
        f"<h1>{html.escape(each.title)}</h1>{_summary(each)}</article></body></html>"
    )
