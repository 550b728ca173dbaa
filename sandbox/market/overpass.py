"""`overpass.market.example`: a map's companies by their tags, as the Overpass API answers.

Of its query language it reads tag filters, a bounding box and an area's name, no more.
"""

import datetime as dt
import json
import re
from urllib.parse import parse_qs

from sandbox.market import sites
from sandbox.market.clock import Clock
from sandbox.market.sites import Answer
from sandbox.market.world import Company, World

HOST = "overpass.market.example"
PATH = "/api/interpreter"
FIRST_ID = 10_700_000_000

FILTER = re.compile(r"\[\s*\"?([a-z:]+)\"?\s*(=|~)\s*\"?([^\"\],]+)\"?\s*(?:,\s*i\s*)?\]")
BOX = re.compile(r"\(\s*(-?[\d.]+)\s*,\s*(-?[\d.]+)\s*,\s*(-?[\d.]+)\s*,\s*(-?[\d.]+)\s*\)")
STATEMENT = re.compile(r"\b(?:node|way|nwr|nw)\b([^;]*);")
AREA = re.compile(r"\barea\b[^;]*\[\s*\"?name\"?\s*=\s*\"?([^\"\]]+)\"?\s*\]")


def respond(world: World, clock: Clock, path: str, query: str, body: bytes) -> Answer:
    """Answer an Overpass query, from the address or from a form's `data` or the bare body."""
    if path == "/robots.txt":
        return sites.plain("User-agent: *\nDisallow:\n")
    if path != PATH:
        return sites.page_answer("<h1>Not found</h1>", 404)
    sent = body.decode(errors="replace")
    asked = (parse_qs(query).get("data") or parse_qs(sent).get("data") or [sent])[0]
    statements = [FILTER.findall(each) for each in STATEMENT.findall(asked)]
    statements = [filters for filters in statements if filters]
    if not statements:
        return sites.page_answer(
            "<p><strong>Error</strong>: line 1: parse error: a query with a tag is expected</p>",
            400,
        )
    areas, box = [name.strip() for name in AREA.findall(asked)], BOX.search(asked)
    found = [
        company
        for company in world.open_on(clock.day())
        if company.in_map
        and (not areas or any(_lies_in(company, area) for area in areas))
        and (box is None or _is_inside(company, [float(edge) for edge in box.groups()]))
        and any(_matches(_tags(company), filters) for filters in statements)
    ]
    known = {
        "version": 0.6,
        "generator": "Overpass API 0.7.62",
        "osm3s": {
            "timestamp_osm_base": clock.at(clock.passed()).astimezone(dt.UTC).isoformat(),
            "copyright": "Made up; no OpenStreetMap data.",
        },
        "elements": [_element(company) for company in found],
    }
    return Answer(200, "application/json", json.dumps(known).encode())


def _lies_in(company: Company, area: str) -> bool:
    return area in {company.city.region, company.city.name, "United States"}


def _is_inside(company: Company, box: list[float]) -> bool:
    south, west, north, east = box
    return south <= company.city.lat <= north and west <= company.city.lon <= east


def _matches(tags: dict[str, str], filters: list[tuple[str, str, str]]) -> bool:
    for key, how, wanted in filters:
        value = tags.get(key, "")
        names = wanted.strip("^$()").split("|") if how == "~" else [wanted]
        if key not in {"name", "out"} and value not in names:
            return False
    return True


def _tags(company: Company) -> dict[str, str]:
    number, _, street = company.street.partition(" ")
    key, value = company.trade.tag
    # Mappers do not agree on what the keys are called.
    prefix = "contact:" if company.number % 3 == 0 else ""
    found = {
        key: value,
        "name": company.name,
        "addr:housenumber": number,
        "addr:street": street,
        "addr:city": company.city.name,
        "addr:state": company.city.region_code,
        "addr:postcode": company.city.postcode,
        f"{prefix}phone": company.phone,
    }
    if company.number % 5:
        found[f"{prefix}website"] = company.website
    if company.number % 4 == 0:
        found[f"{prefix}email"] = company.general.email
    return found


def _element(company: Company) -> dict[str, object]:
    # Not all of them at the same spot of their city.
    lat = round(company.city.lat + (company.number % 41 - 20) / 1000, 5)
    lon = round(company.city.lon + (company.number % 37 - 18) / 1000, 5)
    number, tags = FIRST_ID + company.number, _tags(company)
    if company.number % 6 == 0:
        return {"type": "way", "id": number, "center": {"lat": lat, "lon": lon}, "tags": tags}
    return {"type": "node", "id": number, "lat": lat, "lon": lon, "tags": tags}
