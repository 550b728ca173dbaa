"""What the rules find on a company's pages: facts, each with the words that say so."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from agents import untrusted
from pipeline.finding import clues, fit, places, sites, trades
from pipeline.finding.sites import Point, SitePage
from pipeline.kinds import FoundFact
from pipeline.models import Fact

MOST_FACTS = 30
MOST_SERVICES = 4
SHORT = 60
CLAIM_CHARS = 300

HINTS = {
    "hiring": "They are hiring.",
    "funding": "They have raised money.",
    "new location": "They open a new location.",
    "bad reviews": "Reviews of them complain.",
    "slow replies": "It takes them days to answer.",
}
"""How a signal with a name is said of a company."""


def facts(
    pages: list[SitePage], points: list[Point], ideal: fit.Ideal, *, name: str, industry: str
) -> list[FoundFact]:
    """Return what the pages say, the most useful first, each claim once."""
    safe = [page.model_copy(update={"text": without_orders(page.text)}) for page in pages]
    found = [
        *_pains(safe),
        *_signals(safe, ideal),
        *_services(safe, ideal, name, industry),
        *_about(safe, ideal),
        *_points(safe, points),
    ]
    return proven(found, pages)[:MOST_FACTS]


def without_orders(text: str) -> str:
    """Return the text without the lines that talk to a machine."""
    return "\n".join(line for line in text.split("\n") if not untrusted.gives_orders(line))


def proven(found: Iterable[FoundFact], pages: list[SitePage]) -> list[FoundFact]:
    """Return the facts whose quote stands in the page they name, each claim once."""
    texts = {page.url: page.text for page in pages}
    kept: dict[tuple[str, str], FoundFact] = {}
    for fact in found:
        if untrusted.is_quoted(fact.quote, texts.get(fact.url, "")):
            kept.setdefault((fact.kind, fact.claim.casefold()), fact)
    return list(kept.values())


def fact(kind: Fact.Kind, claim: str, quote: str, page: SitePage) -> FoundFact:
    """Return a fact of a page."""
    return FoundFact(
        kind=kind,
        claim=claim[:CLAIM_CHARS],
        quote=quote.strip()[:1_000],
        url=page.url,
        seen_at=page.seen_at,
    )


def _pains(pages: list[SitePage]) -> Iterator[FoundFact]:
    for page in pages:
        for clue in clues.pains(page.text):
            yield fact(Fact.Kind.PAIN, clue.name, clue.quote, page)


def _signals(pages: list[SitePage], ideal: fit.Ideal) -> Iterator[FoundFact]:
    wanted = list(dict.fromkeys([*ideal.signals, *clues.SIGNALS]))
    for page in pages:
        for clue in clues.signals(page.text, wanted):
            said = HINTS.get(clue.name.casefold(), f"They mention: {clue.name}.")
            yield fact(Fact.Kind.SIGNAL, said, clue.quote, page)
        for word in filter(str.strip, ideal.keywords):
            match = trades.find(word.strip(), page.text)
            if match:
                quote = clues.sentence(page.text, match.start())
                yield fact(Fact.Kind.SIGNAL, f"They mention: {word.strip()}.", quote, page)


def _services(
    pages: list[SitePage], ideal: fit.Ideal, name: str, industry: str
) -> Iterator[FoundFact]:
    words = [word for word in (industry, *ideal.industries) if word.strip()]
    for page in pages:
        for word in words:
            match = trades.find(word.strip(), page.text)
            if match:
                quote = clues.sentence(page.text, match.start())
                yield fact(
                    Fact.Kind.SERVICE, f"Their trade is {word.strip().lower()}.", quote, page
                )
                break
    for page in pages:
        if page.kind == "services":
            for line in _offers(page, name):
                yield fact(Fact.Kind.SERVICE, f"They offer {line}.", line, page)


def _offers(page: SitePage, name: str) -> list[str]:
    """Return the short lines of a page of services that have a longer one below."""
    lines = page.text.split("\n")
    return [
        line.rstrip(".:")
        for line, below in pairwise(lines)
        if 3 < len(line) < SHORT
        and len(below) > len(line)
        and line != page.title
        and line.casefold() not in {"services", "our services", "what we do", name.casefold()}
        and not untrusted.holds_address(line)
    ][:MOST_SERVICES]


def _about(pages: list[SitePage], ideal: fit.Ideal) -> Iterator[FoundFact]:
    for page in pages:
        size = clues.size(page.text)
        if size is not None:
            yield fact(Fact.Kind.SIZE, f"About {size[0]} people work there.", size[1], page)
        for place in filter(str.strip, ideal.places):
            match = places.find(place, page.text)
            if match:
                quote = clues.sentence(page.text, match.start())
                yield fact(Fact.Kind.PLACE, f"They are in {place.strip()}.", quote, page)


def _points(pages: list[SitePage], points: list[Point]) -> Iterator[FoundFact]:
    by_url = {page.url: page for page in pages}
    for point in points:
        page = by_url.get(point.url)
        if page is None or not point.quote:
            continue
        if point.name and point.role:
            claim = f"{point.name} is {point.role}."
            yield fact(Fact.Kind.PERSON, claim, point.quote, page)
        if point.email and point.email in point.quote.lower():
            whose = point.name or "The company"
            claim = f"{whose} can be reached at {point.email}."
            yield fact(Fact.Kind.CONTACT, claim, point.quote, page)


def identity(name: str, industry: str, pages: list[SitePage]) -> str:
    """Return who they say they are: by this, exclusions are told."""
    home = next((page for page in pages if page.kind == "home"), None)
    return "\n".join((name, industry, home.title if home is not None else ""))


def everything(site_pages: list[SitePage]) -> str:
    """Return what all pages say, without what talks to a machine."""
    return "\n".join(without_orders(page.text) for page in site_pages)


def employees(described: dict[str, str], pages: list[SitePage]) -> int | None:
    """Return how many people work there, by its structured data or its own words."""
    said = "".join(char for char in described.get("employees", "") if char.isdigit())
    if said:
        return min(int(said[:8]), 10_000_000)
    found = next(filter(None, (clues.size(page.text) for page in pages)), None)
    return found[0] if found else None


def contacts(points: list[Point]) -> list[Point]:
    """Return whom to write to: people with a role and an address first, then general ones."""
    named = [point for point in points if point.name or point.email]
    return sorted(
        named,
        key=lambda each: (not each.email, not each.name, sites.is_general(each.email)),
    )
