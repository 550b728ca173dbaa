"""`directory.market.example`: listing pages by trade, and an export as a sales tool writes one."""

import csv
import html
import io
import json
from urllib.parse import parse_qs

from sandbox.market import names, rates, sites
from sandbox.market.sites import Answer
from sandbox.market.world import Company, World

HOST = "directory.market.example"
COLUMNS = (
    *("Account Name", "First Name", "Last Name", "Title", "Email", "Company Phone", "Website"),
    *("Industry", "Geography", "Employees", "LinkedIn Company Page"),
)
"""As Sales Navigator exports name them, or nearly so."""


def respond(world: World, day: int, path: str, query: str) -> Answer:
    """Answer a request to the directory as it stands on a business day."""
    if path == "/robots.txt":
        return sites.plain("User-agent: *\nDisallow: /private/\nCrawl-delay: 1\n")
    listed = world.open_on(day)
    if path == "/export.csv":
        return _export([company for company in listed if company.in_export])
    slug = path.strip("/").removeprefix("arizona").strip("/")
    trades = {trade.slug: trade for trade in (*names.TRADES, *names.OTHER_TRADES)}
    if path.rstrip("/") in {"", "/arizona"}:
        return sites.page_answer(_index(list(trades)))
    if not path.startswith("/arizona/") or slug not in trades:
        return sites.page_answer("<h1>Not found</h1>", 404)
    found = [
        company
        for company in reversed(listed)
        if company.in_directory and company.city.in_arizona and company.trade.slug == slug
    ]
    page = parse_qs(query).get("page", ["1"])[0]
    return _listing(trades[slug].label, slug, found, int(page) if page.isdecimal() else 1)


def _index(slugs: list[str]) -> str:
    links = "".join(f'<li><a href="/arizona/{slug}">{slug}</a></li>' for slug in slugs)
    return f"<!doctype html><title>Arizona directory</title><h1>Arizona</h1><ul>{links}</ul>"


def _listing(label: str, slug: str, found: list[Company], page: int) -> Answer:
    size = rates.LISTED_PER_PAGE
    pages = max(1, -(-len(found) // size))
    if not 1 <= page <= pages:
        return sites.page_answer("<h1>No such page</h1>", 404)
    shown = found[(page - 1) * size : page * size]
    # Half of the directory's pages are marked up for machines, the others for people only.
    known = _item_list(shown) if len(slug) % 2 == 0 else ""
    links = ""
    if page > 1:
        links += f'<a rel="prev" href="/arizona/{slug}?page={page - 1}">Previous</a> '
    if page < pages:
        links += f'<a rel="next" href="/arizona/{slug}?page={page + 1}">Next</a>'
    cards = "".join(_card(company) for company in shown)
    title = f"{html.escape(label)} in Arizona, page {page} of {pages}"
    return sites.page_answer(
        f"<!doctype html><html><head><title>{title}</title>{known}</head><body><h1>{title}</h1>"
        f'<ul class="results">{cards}</ul><nav>{links}</nav></body></html>'
    )


def _card(company: Company) -> str:
    return (
        f'<li class="listing"><h2 class="name"><a href="{company.website}">'
        f"{html.escape(company.name)}</a></h2>"
        f'<span class="category">{html.escape(company.trade.label)}</span> '
        f'<span class="address">{company.street}, {company.place} {company.city.postcode}</span> '
        f'<a class="phone" href="tel:{company.phone}">{company.telephone}</a> '
        f'<a class="website" href="{company.website}">Website</a></li>'
    )


def _item_list(shown: list[Company]) -> str:
    entries = [
        {"@type": "ListItem", "position": place, "item": sites.local_business(company)}
        for place, company in enumerate(shown, 1)
    ]
    known = {"@context": "https://schema.org", "@type": "ItemList", "itemListElement": entries}
    return f'<script type="application/ld+json">{json.dumps(known)}</script>'


def _export(found: list[Company]) -> Answer:
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(COLUMNS)
    for company in found:
        first, _, last = company.owner.name.partition(" ")
        table.writerow(
            (
                *(company.name, first, last, company.owner.role, company.owner.email),
                *(company.telephone, company.website, company.trade.label),
                f"{company.city.name}, {company.city.region}, United States",
                company.employees,
                f"https://www.linkedin.example/company/{company.slug}",
            )
        )
    headers = {"Content-Disposition": 'attachment; filename="accounts.csv"'}
    return Answer(
        200, "text/csv; charset=utf-8", b"\xef\xbb\xbf" + text.getvalue().encode(), headers
    )
