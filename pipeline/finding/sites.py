"""A company's own site: which of its pages are read, and what they say in so many words.

Addresses and numbers are taken by code from links and structured data, and from what a page says;
never from a model.
"""

import datetime as dt
import re
from collections.abc import Iterator
from urllib.parse import urldefrag, urlsplit

from email_validator import EmailNotValidError, validate_email
from pydantic import BaseModel, ConfigDict, Field

from integrations import web
from integrations.errors import ServiceError
from pipeline.finding import addresses, candidates, markup, trades
from pipeline.intake import CONTROL
from pipeline.models import Prospect

MOST_PAGES = 8
TEXT_CHARS = 5_000
SECONDS = 15.0

KINDS = (
    ("about", re.compile(r"\b(?:about|company|who we are|our story|ueber)\b", re.I)),
    ("contact", re.compile(r"\b(?:contact|kontakt|impressum|imprint|locations?)\b", re.I)),
    ("team", re.compile(r"\b(?:team|staff|people|our doctors|meet)\b", re.I)),
    ("services", re.compile(r"\b(?:services?|what we do|treatments?|solutions|products?)\b", re.I)),
    ("careers", re.compile(r"\b(?:careers?|jobs?|hiring|join us|work (?:with|at|for))\b", re.I)),
    ("news", re.compile(r"\b(?:news|blog|press|updates)\b", re.I)),
    ("reviews", re.compile(r"\b(?:reviews?|testimonials?)\b", re.I)),
)
"""Pages worth reading, the most telling first, by their link's words or address."""

EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,4}[a-z]{2,24}(?![\w-])", re.I)
NAME = r"(?:Dr\. )?[A-Z][\w'’.-]+(?: [A-Z][\w'’.-]*){1,3}"
ROLE = (
    r"(?:Co-)?(?:Owner|Founder|Partner|President|CEO|COO|CTO|Principal|Managing Director|Director"
    r"|(?:Office|General|Operations|Practice|Service|Marketing|Sales) Manager|Manager|Dentist"
    r"|Receptionist|Dispatcher)(?: (?:and|&) [A-Z]\w+)?"
)
TITLED = re.compile(rf"\b({NAME})\s*(?:,|–|—|-|\||:|\()\s*({ROLE})\b")
NOT_A_PERSON = re.compile(r"\b(?:our|the|your|call|contact|meet|about|services?|team)\b", re.I)
GENERAL = frozenset(
    (
        *("info", "office", "hello", "contact", "service", "mail", "team", "admin", "support"),
        *("sales", "help", "enquiries", "inquiries", "booking", "bookings", "appointments"),
        *("frontdesk", "reception", "jobs", "careers", "billing", "noreply", "no-reply"),
    )
)
UNWANTED = frozenset({"jobs", "careers", "noreply", "no-reply", "billing", "privacy", "abuse"})
"""Mailboxes that are there for something else."""


class SitePage(BaseModel):
    """One page as it was read; `text` is what a reader of it sees."""

    model_config = ConfigDict(extra="forbid")

    url: str
    kind: str
    title: str = ""
    text: str = ""
    seen_at: dt.datetime


class Point(BaseModel):
    """A person or an address the site shows, and the words that show it."""

    model_config = ConfigDict(extra="forbid")

    name: str = ""
    role: str = ""
    email: str = ""
    phone: str = ""
    linkedin: str = ""
    url: str
    quote: str = ""


class Site(BaseModel):
    """What was read of a company's site."""

    model_config = ConfigDict(extra="forbid")

    pages: list[SitePage] = Field(default_factory=list)
    points: list[Point] = Field(default_factory=list)
    described: dict[str, str] = Field(default_factory=dict)
    error: str = ""


def read(prospect: Prospect, *, network: web.Network = web.INTERNET) -> Site:
    """Read up to `MOST_PAGES` pages of the prospect's own site, its home page first."""
    site = Site()
    if not prospect.website:
        site.error = "no website is known"
        return site
    world: web.World = "sandbox" if prospect.world == "sandbox" else "real"
    waiting = [("home", prospect.website)]
    seen: set[str] = set()
    while waiting and len(seen) < MOST_PAGES:
        kind, url = waiting.pop(0)
        seen.add(_same(url))
        try:
            page = web.fetch(url, world=world, seconds=SECONDS, network=network)
        except ServiceError as error:
            site.error = site.error or str(error)
            if kind == "home":
                break
            continue
        seen.add(_same(page.url))
        if not _is_own(page.url, prospect, home=kind == "home"):
            site.error = site.error or f"{url} leads to another site"
            continue
        found = markup.read(page.text, page.url)
        _take(site, kind, page, found, prospect)
        if kind == "home":
            waiting = [each for each in _chosen(found, page.url) if _same(each[1]) not in seen]
    site.points = _joined(site.points)
    return site


def _same(url: str) -> str:
    """Return what two spellings of one page's address have in common."""
    parts = urlsplit(urldefrag(url).url)
    return f"{parts.netloc.removeprefix('www.')}{parts.path.rstrip('/')}?{parts.query}"


def _is_own(url: str, prospect: Prospect, *, home: bool) -> bool:
    """Whether a page is the company's: a home page may have moved within one registered name."""
    domain = web.registrable(web.host_of(url))
    return domain == (prospect.domain or web.registrable(web.host_of(prospect.website)))


def _chosen(found: markup.Markup, home: str) -> Iterator[tuple[str, str]]:
    """Return a page of each kind the home page links to, then second ones."""
    domain = web.registrable(web.host_of(home))
    by_kind: dict[str, list[str]] = {}
    for link in found.links:
        if not link.url.startswith("http") or web.registrable(web.host_of(link.url)) != domain:
            continue
        url = urldefrag(link.url).url
        words = f"{link.text} {re.sub(r'[/_.-]+', ' ', urlsplit(url).path)}"
        for kind, pattern in KINDS:
            if pattern.search(words):
                by_kind.setdefault(kind, []).append(url)
                break
    for turn in range(2):
        for kind, _ in KINDS:
            urls = list(dict.fromkeys(by_kind.get(kind, [])))
            if len(urls) > turn:
                yield kind, urls[turn]


def _take(site: Site, kind: str, page: web.Page, found: markup.Markup, prospect: Prospect) -> None:
    text = CONTROL.sub("", found.text)[:TEXT_CHARS]
    site.pages.append(
        SitePage(
            url=page.url[:500],
            kind=kind,
            title=found.title[:200],
            text=text,
            seen_at=page.fetched_at,
        )
    )
    for thing in markup.companies(found):
        known = markup.described(thing)
        known["industry"] = trades.of_tag(known["industry"])
        for name, value in known.items():
            if value:
                site.described.setdefault(name, value)
    site.points += _points(found, page.url[:500], text, prospect)


def _points(found: markup.Markup, url: str, text: str, prospect: Prospect) -> Iterator[Point]:
    """Return whom a page shows: structured data, links, and what it says."""
    companies = markup.companies(found)
    for thing in found.things:
        kinds = markup.types(thing)
        name, email = markup.said(thing, "name"), markup.said(thing, "email")
        if "Person" in kinds and name:
            yield _point(
                prospect,
                name=name,
                role=markup.said(thing, "jobTitle"),
                email=email,
                url=url,
                quote=name if name in text else "",
            )
        elif email and thing in companies:
            yield _point(prospect, email=email, phone=markup.said(thing, "telephone"), url=url)
    for line in text.split("\n"):
        titled = TITLED.search(line)
        mails = [each.group(0) for each in EMAIL.finditer(line)]
        if titled and not NOT_A_PERSON.search(titled.group(1)):
            yield _point(
                prospect,
                name=titled.group(1),
                role=titled.group(2),
                email=mails[0] if len(mails) == 1 else "",
                url=url,
                quote=line[:300],
            )
        for mail in mails:
            yield _point(prospect, email=mail, url=url, quote=line[:300])
    for link in found.links:
        scheme, _, rest = link.url.partition(":")
        if scheme == "mailto":
            address = rest.partition("?")[0]
            quote = next((line for line in text.split("\n") if address in line), "")
            yield _point(prospect, email=address, url=url, quote=quote[:300])
        elif scheme == "tel":
            quote = next((line for line in text.split("\n") if link.text and link.text in line), "")
            yield _point(prospect, phone=rest, url=url, quote=quote[:300])


def _point(prospect: Prospect, **said: str) -> Point:
    """Return a contact point with its address and number checked; what is no good is left out."""
    point = Point(**said)
    point.name = candidates.text(point.name, 120)
    point.role = candidates.text(point.role, 120)
    point.email = _email(point.email, prospect)
    raw = {"name": "x", "phone": point.phone, "country": prospect.country}
    read, _ = candidates.read(raw)
    point.phone = read.phone if read is not None else ""
    return point


def _email(address: str, prospect: Prospect) -> str:
    """Return an address that may be the company's: of its own domain, or of a free-mail one."""
    try:
        found = validate_email(
            address.strip(), check_deliverability=False, test_environment=True
        ).normalized.lower()
    except EmailNotValidError:
        return ""
    domain = addresses.domain_of(found)
    own = prospect.domain and (web.registrable(domain) or domain) == prospect.domain
    if not own and not addresses.is_free(domain):
        return ""
    same_world = (web.world_of(found) == "sandbox") == (prospect.world == "sandbox")
    is_real_free = prospect.world == "real" and addresses.is_free(domain)
    if not (same_world or is_real_free) or found.partition("@")[0] in UNWANTED:
        return ""
    return found


def _joined(points: list[Point]) -> list[Point]:
    """Return each person and address once, people with an address first."""
    found: list[Point] = []
    for point in points:
        if not (point.name or point.email or point.phone):
            continue
        old = next((each for each in found if _is_same(each, point)), None)
        if old is None:
            found.append(point)
            continue
        if point.quote and not old.quote:
            old.quote, old.url = point.quote, point.url
        for name in ("name", "role", "email", "phone", "linkedin"):
            if not getattr(old, name):
                setattr(old, name, getattr(point, name))
    for point in found:
        if point.name and not point.email:
            point.email = _address_of(point.name, found)
    taken = {point.email for point in found if point.name and point.email}
    kept = [point for point in found if point.name or point.email not in taken or not point.email]
    return sorted(kept, key=lambda each: (not each.email, not each.name, not each.role))[:20]


def _is_same(one: Point, other: Point) -> bool:
    if one.email and other.email:
        return one.email == other.email
    if one.name and other.name:
        return one.name.casefold() == other.name.casefold()
    nameless = not (one.name or other.name or one.email or other.email)
    return nameless and bool(one.phone) and one.phone == other.phone


def _address_of(name: str, points: list[Point]) -> str:
    """Return the shown address whose local part is this person's name; none is made up."""
    words = [re.sub(r"[^a-z]", "", word) for word in candidates.plain(name).split()]
    if len(words) < 2:
        return ""
    first, last = words[0], words[-1]
    wanted = {first, last, f"{first}{last}", f"{first[0]}{last}", f"{first}{last[0]}"}
    for point in points:
        local = re.sub(r"[^a-z]", "", point.email.partition("@")[0])
        if point.email and not point.name and local in wanted:
            return point.email
    return ""


def is_general(email: str) -> bool:
    """Whether an address is the company's and nobody's in person."""
    return email.partition("@")[0] in GENERAL
