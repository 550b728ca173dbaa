"""News feeds (RSS, Atom): the company an item is about, and what the item says."""

import re
from collections.abc import Iterator
from typing import Any

import feedparser

from integrations import web
from integrations.errors import ServiceError
from pipeline.finding import candidates, markup
from pipeline.finding.candidates import SHARED, Candidate
from pipeline.models import Source

MOST_ITEMS = 100
MOST_STORIES = 5
"""So many items a reading are looked up where they stand, if they do not say who they are about."""

PLACE = re.compile(r", ([A-Z][\w .'-]{1,40}, [A-Z][\w ]{1,20})\.?(?:\n|$)")
"""What stands behind a company's name: a city and its state."""

WORDLESS = frozenset({"website", "read more", "more", "link", "here", "homepage", "visit"})


def entries(source: Source, page: web.Page, network: web.Network) -> Iterator[list[Candidate]]:
    """Return the companies of a feed, in one batch."""
    world = web.world_of(source.url)
    home = web.registrable(web.host_of(source.url))
    stories = MOST_STORIES
    found = []
    for item in _items(page.body):
        link, html = str(item.get("link", "")), _html(item)
        about = _linked(markup.read(html, link or source.url), home)
        if not about and link and stories:
            stories -= 1
            about = _of_story(link, home, world, network)
        candidate = _candidate(item, link, html, about)
        if candidate is not None:
            found.append(candidate)
    yield found


def _items(body: bytes) -> list[Any]:
    """Return a feed's items. Raises ServiceError."""
    try:
        return list(feedparser.parse(body).entries[:MOST_ITEMS])
    # What the parser raises for a feed that is broken on purpose, such as half a character.
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ServiceError(f"the feed cannot be read: {error}"[:300], permanent=True) from error


def _html(item: Any) -> str:
    content = item.get("content") or []
    return str(content[0].get("value", "") if content else item.get("summary", ""))


def _linked(page: markup.Markup, home: str) -> dict[str, str]:
    """Return the first company a text links to, outside the paper's own site."""
    for link in page.links:
        domain = web.registrable(web.host_of(link.url))
        if not link.url.startswith("http") or not domain or domain == home or domain in SHARED:
            continue
        after = page.text.rpartition(link.text)[2] if link.text else ""
        place = PLACE.match(after)
        name = "" if link.text.lower() in WORDLESS or "://" in link.text else link.text
        return {"website": link.url, "name": name, "place": place.group(1) if place else ""}
    return {}


def _of_story(link: str, home: str, world: web.World, network: web.Network) -> dict[str, str]:
    """Look an item up where it stands: by its structured data, or by whom it links to."""
    try:
        page = web.fetch(link, world=world, network=network)
    except ServiceError:
        return {}
    story = markup.read(page.text, page.url)
    for thing in markup.companies(story):
        known = markup.described(thing)
        if known["website"] and web.registrable(web.host_of(known["website"])) != home:
            return known
    return _linked(story, home)


def _candidate(item: Any, link: str, html: str, about: dict[str, str]) -> Candidate | None:
    title = candidates.text(item.get("title", ""), 300)
    tags = [str(tag.get("term", "")) for tag in item.get("tags") or []]
    known = {**about, "name": about.get("name") or title}
    known["industry"] = about.get("industry") or (tags[0] if tags else "")
    words = f"{title}\n{markup.text_of(html)}"
    candidate, _ = candidates.read(known, url=link, words=words)
    return candidate if candidate is not None and candidate.website else None
