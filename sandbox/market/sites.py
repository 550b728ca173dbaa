"""The web sites of the companies: four to eight pages each, some of them in bad shape."""

import html
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.market import names, rates, wording
from sandbox.market.world import Company, Person

HTML = "text/html; charset=utf-8"


@dataclass(frozen=True)
class Answer:
    """What a web server says; `after` is how many seconds it takes its time."""

    status: int
    content_type: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    after: float = 0.0


def page_answer(text: str, status: int = 200, *, after: float = 0.0) -> Answer:
    return Answer(status, HTML, text.encode(), after=after)


def plain(text: str, status: int = 200) -> Answer:
    return Answer(status, "text/plain; charset=utf-8", text.encode())


def respond(company: Company, method: str, path: str) -> Answer:
    """Answer a request to a company's web site."""
    if "down" in company.quirks:
        return page_answer("<h1>503 Service Unavailable</h1>", 503)
    if path == "/robots.txt":
        return plain(_robots(company))
    if path == "/sitemap.xml":
        return _sitemap(company)
    name = path.strip("/").removesuffix(".html") or "home"
    pages = page_names(company)
    missing = "pages_missing" in company.quirks and name in {"about", "team", "careers"}
    if name not in pages or missing:
        return page_answer(_layout(company, "Not found", "<p>This page is gone.</p>"), 404)
    if method == "POST":
        return page_answer(_layout(company, "Thank you", "<p>We will get back to you.</p>"))
    after = rates.SLOW_SECONDS if "slow" in company.quirks else 0.0
    return page_answer(render(company, name), after=after)


def page_names(company: Company) -> list[str]:
    """Return the pages of the site, in the order of its menu."""
    extra = {wording.PAGE_OF_SIGNAL[signal] for signal in company.signals}
    pages = ["home", "about", "services", "contact"]
    pages += [name for name in ("team", "careers", "news", "reviews") if name in extra]
    if "team" not in pages and len(company.people) > 2:
        pages.append("team")
    return pages


def render(company: Company, name: str) -> str:
    """Return one page as HTML."""
    chance = random.Random(f"{company.domain} {name}")  # noqa: S311 - the same each time
    title, body = _PAGES[name](company, chance)
    if "injection" in company.quirks and name in {"home", "about"}:
        order = html.escape(chance.choice(wording.INJECTIONS))
        hidden = (f"<p hidden>{order}</p>", f"<!-- {order} -->", f"<p>{order}</p>")
        body += chance.choice(hidden)
    found = _layout(company, title, body)
    return _broken(found, chance) if "broken_html" in company.quirks else found


def words(company: Company, text: str, chance: random.Random) -> str:
    """Fill in a sentence of `wording`."""
    elsewhere = chance.choice([c.name for c in names.ARIZONA if c.name != company.city.name])
    return text.format(
        name=company.name,
        city=company.city.name,
        region=company.city.region,
        elsewhere=elsewhere,
        founded=company.founded,
        employees=company.employees,
        owner=company.owner.name,
        trade=company.trade.label if company.trade.slug == "hvac" else company.trade.label.lower(),
        customer=company.trade.customer,
        job=company.trade.job,
        service=chance.choice(company.trade.services),
        reviewer=chance.choice(wording.REVIEWERS),
    )


def _sentence(company: Company, choices: tuple[str, ...], chance: random.Random) -> str:
    return html.escape(words(company, chance.choice(choices), chance), quote=False)


def _signals(company: Company, page: str, chance: random.Random) -> str:
    """Return what this page gives away."""
    return "".join(
        f"<p>{_sentence(company, wording.SIGNALS[signal], chance)}</p>"
        for signal in company.signals
        if wording.PAGE_OF_SIGNAL[signal] == page
    )


def _home(company: Company, chance: random.Random) -> tuple[str, str]:
    services = "".join(f"<li>{html.escape(name)}</li>" for name in company.trade.services[:3])
    teaser = _sentence(company, wording.SIGNALS[company.signals[0]], chance)
    body = (
        f"<h1>{html.escape(company.name)}</h1>"
        f"<p>{_sentence(company, wording.WELCOME, chance)}</p><ul>{services}</ul>"
        f'<p class="notice">{teaser}</p>'
        f'<p>Call <a href="tel:{company.phone}">{company.telephone}</a> or'
        f' <a href="/contact">write to us</a>.</p>'
    )
    return f"{company.name} | {company.trade.label} in {company.place}", body


def _about(company: Company, chance: random.Random) -> tuple[str, str]:
    said = chance.sample(wording.ABOUT, 3)
    text = "".join(f"<p>{_sentence(company, (line,), chance)}</p>" for line in said)
    return f"About {company.name}", f"<h1>About us</h1>{text}"


def _services(company: Company, chance: random.Random) -> tuple[str, str]:
    rows = "".join(
        f"<h3>{html.escape(name)}</h3><p>{_sentence(company, wording.SERVICE, chance)}</p>"
        for name in company.trade.services
    )
    return "Our services", f"<h1>Services</h1>{rows}{_signals(company, 'services', chance)}"


def _contact(company: Company, chance: random.Random) -> tuple[str, str]:
    general = company.general.email
    mail = f'<a href="mailto:{general}">{general}</a>'
    if chance.random() < 0.15:
        mail = general.replace("@", " (at) ").replace(".", " (dot) ") + f" / {mail}"
    address = f"{company.street}, {company.city.name}, {company.city.region_code}"
    body = (
        f"<h1>Contact</h1><address>{html.escape(company.name)}<br>{html.escape(address)}"
        f" {company.city.postcode}<br>Phone: <a href='tel:{company.phone}'>{company.telephone}</a>"
        f"<br>E-mail: {mail}<br>Open {chance.choice(wording.HOURS)}</address>"
        f"{_signals(company, 'contact', chance)}"
        '<form method="post" action="/contact"><label>Name <input name="name"></label>'
        '<label>E-mail <input name="email" type="email"></label>'
        '<label>Message <textarea name="message"></textarea></label><button>Send</button></form>'
    )
    return f"Contact {company.name}", body


def _team(company: Company, chance: random.Random) -> tuple[str, str]:
    rows = "".join(_person_row(person, person in company.shown) for person in company.people[:-1])
    return "Our team", f"<h1>The team</h1><ul class='team'>{rows}</ul>"


def _person_row(person: Person, shown: bool) -> str:
    mail = f' <a href="mailto:{person.email}">{person.email}</a>' if shown else ""
    return f"<li><strong>{person.name}</strong>, {person.role}{mail}</li>"


def _careers(company: Company, chance: random.Random) -> tuple[str, str]:
    apply_to = company.general.email
    body = (
        f"<h1>Careers</h1>{_signals(company, 'careers', chance)}"
        f'<p>Apply to <a href="mailto:{apply_to}?subject=Job">{apply_to}</a>.</p>'
    )
    return f"Work at {company.name}", body


def _news(company: Company, chance: random.Random) -> tuple[str, str]:
    return "News", f"<h1>News</h1>{_signals(company, 'news', chance)}"


def _reviews(company: Company, chance: random.Random) -> tuple[str, str]:
    praise = f"<blockquote>{_sentence(company, wording.PRAISE, chance)}</blockquote>"
    return "Reviews", f"<h1>Reviews</h1>{praise}{_signals(company, 'reviews', chance)}"


_PAGES: dict[str, Callable[[Company, random.Random], tuple[str, str]]] = {
    "home": _home,
    "about": _about,
    "services": _services,
    "contact": _contact,
    "team": _team,
    "careers": _careers,
    "news": _news,
    "reviews": _reviews,
}


def _layout(company: Company, title: str, body: str) -> str:
    """Put a page into the frame of its site, one of three."""
    menu = "".join(
        f'<a href="{"/" if name == "home" else f"/{name}"}">{name.capitalize()}</a> '
        for name in page_names(company)
    )
    known = "" if "no_structured_data" in company.quirks else _structured(company, title)
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title>{known}'
    foot = f"© {company.founded} {html.escape(company.name)}, {html.escape(company.place)}"
    frames = (
        f"<header><nav>{menu}</nav></header><main>{body}</main><footer>{foot}</footer>",
        f'<div id="top"><a href="/">{html.escape(company.name)}</a><div class="menu">{menu}</div>'
        f'</div><div id="content"><article>{body}</article></div><div id="bottom">{foot}</div>',
        f"<table><tr><td>{menu}</td><td>{body}</td></tr></table><small>{foot}</small>",
    )
    return (
        f'<!doctype html><html lang="en"><head>{head}</head>'
        f"<body>{frames[company.number % 3]}</body></html>"
    )


def _structured(company: Company, title: str) -> str:
    known = json.dumps(local_business(company), ensure_ascii=False).replace("</", "<\\/")
    summary = html.escape(f"{company.trade.label} in {company.place} since {company.founded}.")
    return (
        f'<meta name="description" content="{summary}">'
        f'<meta property="og:site_name" content="{html.escape(company.name)}">'
        f'<meta property="og:title" content="{html.escape(title)}">'
        f'<meta property="og:description" content="{summary}">'
        f'<meta property="og:url" content="{company.website}">'
        f'<script type="application/ld+json">{known}</script>'
    )


def local_business(company: Company) -> dict[str, object]:
    """Return the company as schema.org describes one."""
    return {
        "@context": "https://schema.org",
        "@type": company.trade.schema,
        "name": company.name,
        "url": company.website,
        "telephone": company.phone,
        "email": company.general.email,
        "foundingDate": str(company.founded),
        "numberOfEmployees": {"@type": "QuantitativeValue", "value": company.employees},
        "address": {
            "@type": "PostalAddress",
            "streetAddress": company.street,
            "addressLocality": company.city.name,
            "addressRegion": company.city.region_code,
            "postalCode": company.city.postcode,
            "addressCountry": company.city.country,
        },
        "geo": {
            "@type": "GeoCoordinates",
            "latitude": company.city.lat,
            "longitude": company.city.lon,
        },
        "founder": {"@type": "Person", "name": company.owner.name, "jobTitle": "Owner"},
    }


def _broken(text: str, chance: random.Random) -> str:
    """Do to a page what bad tools do: tags never closed, closed twice, quotes left out."""
    text = text.replace("</p>", "", 2).replace("</li>", "").replace("</footer>", "</footer></div>")
    text = text.replace("</h1>", "</h2>", 1).replace('class="notice"', "class=notice", 1)
    unread = '<script type="application/ld+json">{"@type": "LocalBusiness", "name": </script>'
    return text.replace("</head>", f"{unread}<body>", 1) + chance.choice(
        ("</div></html>", "<p", "")
    )


def _robots(company: Company) -> str:
    if "robots_disallow" in company.quirks:
        return "User-agent: *\nDisallow: /\n"
    return f"User-agent: *\nDisallow: /admin/\nSitemap: {company.website}sitemap.xml\n"


def _sitemap(company: Company) -> Answer:
    links = "".join(
        f"<url><loc>{company.website}{'' if name == 'home' else name}</loc></url>"
        for name in page_names(company)
    )
    space = "http://www.sitemaps.org/schemas/sitemap/0.9"
    text = f'<?xml version="1.0" encoding="UTF-8"?><urlset xmlns="{space}">{links}</urlset>'
    return Answer(200, "application/xml", text.encode())
