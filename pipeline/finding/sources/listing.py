"""Directories and listing pages: the companies on them, and the next pages."""

import re
from collections import deque
from collections.abc import Iterator
from urllib.parse import urldefrag

from selectolax.lexbor import LexborNode

from integrations import web
from integrations.errors import ServiceError
from pipeline.finding import candidates, markup, places, trades
from pipeline.finding.candidates import SHARED, Candidate
from pipeline.models import Source

MOST_PAGES = 15
MOST_ENTRIES = 1_000
MOST_LINKS = 30
"""Of one entry: what has more is a list of them."""

ENTRIES = "[itemtype*='schema.org'], li, article, tr, .listing, .result, .card, dl > dt"
CLASSES = {
    "name": ".name, [itemprop=name], h2, h3, h4, strong",
    "industry": ".category, .industry, .trade, [itemprop=knowsAbout]",
    "place": ".address, .location, .city, [itemprop=address], address",
    "description": ".description, .about, [itemprop=description], p",
}
ADDRESS = re.compile(r"^.*\d[^,]*,\s*([^,]+),\s*([A-Z]{2})\b.*$")
"""A street with its number, a city, a state; what follows is the post code."""


def entries(source: Source, page: web.Page, network: web.Network) -> Iterator[list[Candidate]]:
    """Return the companies of a directory, a batch a page: its own first, then what it links to."""
    world = web.world_of(source.url)
    waiting: deque[str] = deque()
    seen = {page.url, source.url}
    current: web.Page | None = page
    for _ in range(MOST_PAGES):
        if current is not None:
            found = markup.read(current.text, current.url)
            yield _companies(current, found, source.query)
            for url in _more(found, source):
                if url not in seen:
                    seen.add(url)
                    waiting.append(url)
        if not waiting:
            return
        try:
            current = web.fetch(waiting.popleft(), world=world, network=network)
        except ServiceError:
            current = None


def _companies(page: web.Page, found: markup.Markup, selector: str) -> list[Candidate]:
    """Read structured data where there is some, else entries that link to somebody's own site."""
    by_data = [
        candidate
        for thing in markup.companies(found)
        if (candidate := _of_data(thing, page.url)) is not None
    ]
    if by_data:
        return by_data
    home = web.registrable(web.host_of(page.url))
    heading = found.title
    known: dict[str, Candidate] = {}
    for node in markup.parsed(page.text).css(selector or ENTRIES)[:MOST_ENTRIES]:
        candidate = _of_entry(node, page.url, home, heading)
        if candidate is not None:
            known.setdefault(candidate.website or candidate.name, candidate)
    return list(known.values())


def _of_data(thing: dict[str, object], url: str) -> Candidate | None:
    said = markup.described(thing)
    said["industry"] = trades.of_tag(said["industry"])
    return candidates.read(said, url=url, words=said["description"])[0]


def _of_entry(node: LexborNode, url: str, home: str, heading: str) -> Candidate | None:
    """Read one entry: it links to a site of its own, and to no more than that one."""
    links = [node.attributes for node in node.css("a[href]")]
    if len(links) > MOST_LINKS:
        return None
    hrefs = [str(each.get("href") or "").strip() for each in links]
    sites = [
        href
        for href in hrefs
        if href.startswith("http")
        and (domain := web.registrable(web.host_of(href))) not in {"", home}
        and domain not in SHARED
    ]
    if len({web.registrable(web.host_of(site)) for site in sites}) != 1:
        return None
    said = {name: _first(node, selector) for name, selector in CLASSES.items()}
    address = ADDRESS.match(said["place"])
    if address:
        said["place"] = f"{address.group(1)}, {address.group(2)}"
    said["website"] = sites[0]
    said["phone"] = _after(hrefs, "tel:")
    said["email"] = _after(hrefs, "mailto:").partition("?")[0]
    words = " ".join(node.text(deep=True, separator=" ").split())
    return candidates.read(said, url=url, words=f"{words}\n{heading}")[0]


def _first(node: LexborNode, selector: str) -> str:
    for name in selector.split(", "):
        found = node.css_first(name)
        if found is not None:
            return " ".join(found.text(deep=True, separator=" ").split())[:300]
    return ""


def _after(hrefs: list[str], scheme: str) -> str:
    found = next((href for href in hrefs if href.startswith(scheme)), "")
    return found.removeprefix(scheme)


def _more(found: markup.Markup, source: Source) -> list[str]:
    """Return the directory's own pages that go on or lead deeper, the fitting trades first."""
    here = web.host_of(source.url)
    root = source.url.partition("?")[0].rstrip("/") + "/"
    ideal = source.ideal_customer
    ranked: list[tuple[int, str]] = []
    for link in found.links:
        url = urldefrag(link.url).url
        if web.host_of(url) != here or not url.startswith(root):
            continue
        words = f"{link.text} {url[len(root) :]}".replace("-", " ")
        if "next" in link.rel or link.text.lower().startswith("next"):
            ranked.append((1, url))
        elif any(trades.find(word, words) for word in ideal.industries):
            ranked.append((0, url))
        elif any(places.find(word, words) for word in ideal.places):
            ranked.append((2, url))
    return [url for _, url in sorted(ranked, key=lambda each: each[0])]
