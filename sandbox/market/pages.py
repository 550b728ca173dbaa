"""What a visitor does on the agency’s public pages: books, moves, cancels, signs, pays."""

import datetime as dt
import random
import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from sandbox.market import invitations, rates
from sandbox.market.invitations import Invitation
from sandbox.market.post import Never, NotNow
from sandbox.market.visits import Browser, Form, Page
from sandbox.market.world import Company, Person

GOOD_CARD, DECLINED_CARD = "4242424242424242", "4000000000000002"
VERSION = re.compile(r"/p/[^/]+/")
TRIES = 4
"""A time may be taken while somebody looks at it."""


def guest(company: Company, person: Person, note: str = "") -> dict[str, str]:
    """Return what somebody types into the fields of a form, by their names."""
    return {
        "name": person.name,
        "email": person.email,
        "phone": company.phone,
        "company": company.name,
        "timezone": company.city.zone,
        "note": note,
    }


def book(browser: Browser, link: str, who: Mapping[str, str], chance: random.Random) -> Invitation:
    """Book one of the first free times; who has a call already keeps it. Raises NotNow, Never."""
    page = browser.open(link)
    return _choose(browser, page, who, chance, {})


def move(browser: Browser, link: str, who: Mapping[str, str], chance: random.Random) -> Invitation:
    """Move a call to another of the first free times. Raises NotNow, Never."""
    return _choose(browser, browser.open(link), who, chance, {"do": "move"})


def cancel(browser: Browser, link: str, reason: str) -> None:
    """Cancel a call; one that is cancelled stays so. Raises NotNow, Never."""
    page = browser.open(link)
    forms = page.forms("do", "cancel")
    if forms:
        _accepted(browser.submit(forms[0], {"reason": reason}, do="cancel"))
    elif page.status >= 400:
        raise Never(f"{page.path} answered {page.status}")


def look(browser: Browser, link: str) -> Page:
    """Open a proposal; return the page, of a newer version if it leads to one.

    Raises NotNow while it is not there yet, Never.
    """
    page = _accepted(browser.open(link))
    newer = [one for one in page.links("/p/") if VERSION.fullmatch(urlsplit(one).path)]
    if newer and newer[0] != link and not page.forms("do"):
        page = _accepted(browser.open(newer[0]))
    if page.tree.css_first("article") is None:
        raise NotNow(f"{page.path} has no proposal yet")
    return page


def sign(browser: Browser, link: str, who: Mapping[str, str], card: str) -> str:
    """Sign a proposal and pay with a card.

    Return `paid`, `refused` when the card was, `signed` where nothing could be paid yet, `closed`
    where nothing is to be done any more. Raises NotNow, Never.
    """
    page = look(browser, link)
    forms = page.forms("do", "sign")
    if forms:
        page = _accepted(browser.submit(forms[0], {**who, "consent": "on"}, do="sign"))
    checkout = _checkout(browser, page)
    if checkout is None:
        return "signed" if forms else "closed"
    answer = browser.submit(checkout, {**who, "card": card})
    return "refused" if answer.forms("card") else "paid"


def decline(browser: Browser, link: str, reason: str) -> bool:
    """Decline a proposal with a reason; return False where it cannot be declined any more."""
    page = look(browser, link)
    forms = page.forms("do", "decline")
    if forms:
        _accepted(browser.submit(forms[0], {"reason": reason}, do="decline"))
    return bool(forms)


def _checkout(browser: Browser, page: Page) -> Form | None:
    """Go on to where a card is asked for, if the page leads there."""
    if not page.forms("card"):
        again = page.forms("do", "pay")
        if again:
            page = browser.submit(again[0], {}, do="pay")
        elif page.links("/c/pay/"):
            page = browser.open(page.links("/c/pay/")[0])
    return next(iter(page.forms("card")), None)


def _choose(
    browser: Browser,
    page: Page,
    who: Mapping[str, str],
    chance: random.Random,
    press: Mapping[str, str],
) -> Invitation:
    for _ in range(TRIES):
        page = _zoned(browser, page, who)
        found = _free(page, press)
        if not found:
            return _invitation(browser, page)
        form, starts_at = _pick(found, chance)
        page = browser.submit(form, who, **press, starts_at=starts_at)
        if page.status < 400:
            return _invitation(browser, page)
    raise NotNow(f"{page.path} answered {page.status} to each of {TRIES} times")


def _zoned(browser: Browser, page: Page, who: Mapping[str, str]) -> Page:
    """Choose one's own time zone first, where the page asks for it in a form of its own."""
    for form in page.forms("timezone"):
        if not form.values("starts_at") and who["timezone"] in form.values("timezone"):
            return browser.choose(form, {"timezone": who["timezone"]})
    return page


def _free(page: Page, press: Mapping[str, str]) -> list[tuple[Form, str]]:
    """Return the times to choose from; who books does not move the call they have."""
    forms = [form for form in page.forms("starts_at") if press or "move" not in form.values("do")]
    return [(form, value) for form in forms for value in form.values("starts_at")]


def _pick(found: list[tuple[Form, str]], chance: random.Random) -> tuple[Form, str]:
    """Choose a time on one of the first days that have any."""
    days: dict[dt.date, list[tuple[Form, str]]] = {}
    for form, value in found:
        days.setdefault(dt.datetime.fromisoformat(value).date(), []).append((form, value))
    return chance.choice(days[chance.choice(sorted(days)[: rates.FIRST_DAYS])])


def _invitation(browser: Browser, page: Page) -> Invitation:
    """Take the call from a page into one's own calendar."""
    own = page.links("/meetings/")
    files = [link for link in own if ".ics" in link]
    if not files and own:
        page = _accepted(browser.open(own[0]))
        files = [link for link in page.links("/meetings/") if ".ics" in link]
    if not files:
        raise Never(f"{page.path} has neither a time nor a call")
    found = invitations.read(browser.open(files[0]).body)
    if found is None:
        raise Never(f"{page.path} has a calendar file that no calendar can read")
    pages = [link for link in own if ".ics" not in link]
    return found if found.page else replace(found, page=pages[0] if pages else page.url)


def _accepted(page: Page) -> Page:
    if page.status >= 400:
        raise Never(f"{page.path} answered {page.status}")
    return page
