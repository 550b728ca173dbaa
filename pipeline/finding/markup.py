"""What a web page says: its visible text, its links, and its structured data (JSON-LD)."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

from selectolax.lexbor import LexborHTMLParser, LexborNode

from integrations import mime

UNSEEN = (
    "script, style, noscript, template, svg, iframe, [hidden], [aria-hidden=true]"
    ", [style*='display:none'], [style*='display: none'], [style*='visibility:hidden']"
)
BLOCKS = frozenset(
    (
        *("p", "div", "li", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "br", "tr", "td"),
        *("th", "section", "article", "header", "footer", "nav", "main", "address", "table"),
        *("form", "label", "button", "dt", "dd", "figure", "option", "hr", "body", "aside"),
        "blockquote",
    )
)
MOST_LINKS = 300
MOST_THINGS = 300
MENU = 3
MOST_TAGS = 20_000
WORD = re.compile(r"\w+")
SPACES = re.compile(r"[^\S\n]+")
LINES = re.compile(r"\s*\n\s*")


@dataclass(frozen=True)
class Link:
    """Where a link leads, in full, and what it says."""

    url: str
    text: str
    rel: str = ""


@dataclass(frozen=True)
class Markup:
    """A page taken apart. `text` is what a reader sees, a line a block, its title first."""

    url: str
    title: str
    description: str
    text: str
    links: tuple[Link, ...] = ()
    things: tuple[dict[str, Any], ...] = field(default=())


def read(html: str, url: str) -> Markup:
    """Take a page apart; broken markup is read as a browser would."""
    tree = parsed(html)
    title = _line(tree.css_first("title"))
    metas = _metas(tree)
    things = tuple(_things(tree))
    links = tuple(_links(tree.root, url))
    for node in tree.css(UNSEEN):
        node.decompose()
    description = metas.get("description") or metas.get("og:description", "")
    name = metas.get("og:site_name", "")
    seen = _without_menus(_text(tree.body), links)
    text = "\n".join(part for part in (title, name, description, seen) if part)
    return Markup(url, title, description, text, links, things)


def parsed(html: str) -> LexborHTMLParser:
    """Return a page's tree, up to so many tags."""
    return LexborHTMLParser(mime.few_tags(html, MOST_TAGS))


def _line(node: LexborNode | None) -> str:
    return " ".join(node.text(deep=True, separator=" ").split()) if node is not None else ""


def _metas(tree: LexborHTMLParser) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in tree.css("meta"):
        name = (node.attributes.get("name") or node.attributes.get("property") or "").lower()
        content = node.attributes.get("content") or ""
        if name and content:
            found.setdefault(name, " ".join(content.split())[:1_000])
    return found


def _links(root: LexborNode | None, base: str) -> Iterator[Link]:
    for node in (root.css("a[href]") if root is not None else [])[:MOST_LINKS]:
        href = (node.attributes.get("href") or "").strip()
        try:
            url = urljoin(base, href)
        except ValueError:
            continue
        yield Link(url, _line(node)[:200], (node.attributes.get("rel") or "").lower())


def _text(body: LexborNode | None) -> str:
    """Return the visible text, a line a block."""
    if body is None:
        return ""
    parts: list[str] = []
    for node in body.traverse(include_text=True):
        if node.tag == "-text":
            parts.append(node.text(deep=False) or "")
        elif node.tag in BLOCKS:
            parts.append("\n")
    return LINES.sub("\n", SPACES.sub(" ", "".join(parts))).strip()


def _without_menus(text: str, links: tuple[Link, ...]) -> str:
    """Drop the lines that are three links and more in a row: they say nothing."""
    names = {tuple(WORD.findall(link.text)) for link in links} - {()}
    longest = max(map(len, names), default=0)

    def is_menu(line: str) -> bool:
        words, at, count = WORD.findall(line), 0, 0
        while at < len(words):
            sizes = range(longest, 0, -1)
            size = next((n for n in sizes if tuple(words[at : at + n]) in names), 0)
            if not size:
                return False
            at, count = at + size, count + 1
        return count >= MENU

    return "\n".join(line for line in text.split("\n") if not is_menu(line))


def text_of(html: str) -> str:
    """Return the visible text of a piece of HTML."""
    return _text(parsed(html).body)


def _things(tree: LexborHTMLParser) -> Iterator[dict[str, Any]]:
    """Return the things a page describes in JSON-LD, those inside others too."""
    for node in tree.css('script[type="application/ld+json"]')[:20]:
        try:
            data = json.loads(node.text(deep=True) or "")
        except (ValueError, RecursionError):
            continue
        yield from _inside(data)


def _inside(data: Any) -> Iterator[dict[str, Any]]:
    waiting, count = [data], 0
    while waiting and count < MOST_THINGS:
        each = waiting.pop(0)
        count += 1
        if isinstance(each, list):
            waiting += each
        elif isinstance(each, dict):
            if "@type" in each:
                yield each
            waiting += [value for value in each.values() if isinstance(value, dict | list)]


def types(thing: dict[str, Any]) -> list[str]:
    """Return the schema.org types of a thing, without their address."""
    found = thing.get("@type", "")
    names = found if isinstance(found, list) else [found]
    return [str(name).rpartition("/")[2] for name in names]


def said(thing: dict[str, Any], name: str) -> str:
    """Return a property as one line of text, the name or value of what is a thing itself."""
    value = thing.get(name, "")
    if isinstance(value, list):
        value = value[0] if value else ""
    if isinstance(value, dict):
        value = value.get("name") or value.get("value") or value.get("minValue") or ""
    words = " ".join(str(value).split()) if isinstance(value, str | int | float) else ""
    return mime.storable(words, 500)


ORGANIZATIONS = re.compile(
    r"Organization|Business|Corporation|Store|Plumber|Electrician|Contractor|Dentist|Attorney"
    r"|Service$|Agent$|Agency$|Clinic|Restaurant|Hotel|Locksmith|HousePainter|Physician|Company"
)


def companies(page: Markup) -> list[dict[str, Any]]:
    """Return what of a page's structured data is a company."""
    return [
        thing
        for thing in page.things
        if said(thing, "name") and any(ORGANIZATIONS.search(name) for name in types(thing))
    ]


def described(thing: dict[str, Any]) -> dict[str, str]:
    """Return a company's structured data by the names candidates have for it."""
    address = thing.get("address")
    if isinstance(address, list):
        address = address[0] if address else {}
    where = address if isinstance(address, dict) else {}
    kinds = [name for name in types(thing) if name not in {"LocalBusiness", "Organization"}]
    return {
        "name": said(thing, "name"),
        "website": said(thing, "url"),
        "email": said(thing, "email").removeprefix("mailto:"),
        "phone": said(thing, "telephone"),
        "industry": kinds[0] if kinds else "",
        "city": said(where, "addressLocality"),
        "region": said(where, "addressRegion"),
        "country": said(where, "addressCountry"),
        "employees": said(thing, "numberOfEmployees"),
        "description": said(thing, "description"),
    }
