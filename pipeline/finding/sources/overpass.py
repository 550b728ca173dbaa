"""OpenStreetMap by an Overpass endpoint: companies by trade and place.

https://wiki.openstreetmap.org/wiki/Overpass_API/Overpass_QL
"""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from integrations import web
from integrations.errors import ServiceError
from pipeline.finding import candidates, trades
from pipeline.finding.candidates import Candidate
from pipeline.models import IdealCustomer, Source

TAGS = {
    "plumbing": (("craft", "plumber"),),
    "hvac": (("craft", "hvac"),),
    "roofing": (("craft", "roofer"),),
    "electrical": (("craft", "electrician"),),
    "dental": (("amenity", "dentist"), ("healthcare", "dentist")),
    "legal": (("office", "lawyer"),),
    "real estate": (("office", "estate_agent"),),
    "landscaping": (("craft", "gardener"),),
    "home services": (("craft", "handyman"), ("craft", "carpenter"), ("craft", "locksmith")),
}
KINDS = ("craft", "amenity", "healthcare", "office", "shop", "tourism")
MOST = 300
SECONDS = 25
NOT_IN_A_STRING = re.compile(r'["\\\[\]();]')


def url(source: Source) -> str:
    """Return the address that asks the endpoint the source's question, or one we make up."""
    asked = source.query.strip() or question(source.ideal_customer)
    joined = "&" if "?" in source.url else "?"
    return f"{source.url}{joined}data={quote(asked)}"


def question(ideal: IdealCustomer) -> str:
    """Ask for the companies of an ideal customer's trades in its places."""
    names = [NOT_IN_A_STRING.sub("", place) for place in ideal.places]
    areas = "".join(f'area["name"="{name}"];' for name in names if name)
    wanted = [
        tag
        for industry in ideal.industries
        for tag in TAGS.get(industry.casefold(), (("craft", NOT_IN_A_STRING.sub("", industry)),))
    ]
    within = "(area.a)" if areas else ""
    found = "".join(f'nwr["{key}"="{value}"]{within};' for key, value in wanted)
    place = f"({areas})->.a;" if areas else ""
    return f"[out:json][timeout:{SECONDS}];{place}({found});out center tags {MOST};"


def entries(source: Source, page: web.Page, network: web.Network) -> Iterator[list[Candidate]]:
    """Return the companies of an answer, in one batch. Raises ServiceError."""
    try:
        elements = list(json.loads(page.body)["elements"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ServiceError("the answer is not Overpass JSON", permanent=True) from None
    found = [_candidate(each) for each in elements[:MOST] if isinstance(each, dict)]
    yield [candidate for candidate in found if candidate is not None]


def _candidate(element: dict[str, Any]) -> Candidate | None:
    tags = element.get("tags")
    if not isinstance(tags, dict):
        return None
    kind = next((str(tags[key]) for key in KINDS if key in tags), "")
    said = {
        "name": tags.get("name", ""),
        "industry": trades.of_tag(kind) if kind else "",
        "city": tags.get("addr:city", ""),
        "region": tags.get("addr:state", ""),
        "country": tags.get("addr:country", ""),
        "description": tags.get("description", ""),
    }
    for name in ("website", "phone", "email"):
        said[name] = tags.get(name) or tags.get(f"contact:{name}", "")
    where = f"https://www.openstreetmap.org/{element.get('type', 'node')}/{element.get('id', '')}"
    return candidates.read(said, url=where)[0]
