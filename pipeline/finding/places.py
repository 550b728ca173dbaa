"""Places: which country and state a text names, and what time it is there."""

import functools
import importlib.resources
import re
import zoneinfo
from collections import defaultdict

import phonenumbers
from phonenumbers import timezone as phone_zones

# Name, postal abbreviation, zone of most of its people.
STATES = (
    ("Alabama", "AL", "Chicago"), ("Alaska", "AK", "Anchorage"), ("Arizona", "AZ", "Phoenix"),
    ("Arkansas", "AR", "Chicago"), ("California", "CA", "Los_Angeles"),
    ("Colorado", "CO", "Denver"), ("Connecticut", "CT", "New_York"),
    ("Delaware", "DE", "New_York"), ("Florida", "FL", "New_York"), ("Georgia", "GA", "New_York"),
    ("Idaho", "ID", "Boise"), ("Illinois", "IL", "Chicago"), ("Indiana", "IN", "New_York"),
    ("Iowa", "IA", "Chicago"), ("Kansas", "KS", "Chicago"), ("Kentucky", "KY", "New_York"),
    ("Louisiana", "LA", "Chicago"), ("Maine", "ME", "New_York"), ("Maryland", "MD", "New_York"),
    ("Massachusetts", "MA", "New_York"), ("Michigan", "MI", "Detroit"),
    ("Minnesota", "MN", "Chicago"), ("Mississippi", "MS", "Chicago"),
    ("Missouri", "MO", "Chicago"), ("Montana", "MT", "Denver"), ("Nebraska", "NE", "Chicago"),
    ("Nevada", "NV", "Los_Angeles"), ("New Hampshire", "NH", "New_York"),
    ("New Jersey", "NJ", "New_York"), ("New Mexico", "NM", "Denver"),
    ("New York", "NY", "New_York"), ("North Carolina", "NC", "New_York"),
    ("North Dakota", "ND", "Chicago"), ("Ohio", "OH", "New_York"), ("Oklahoma", "OK", "Chicago"),
    ("Oregon", "OR", "Los_Angeles"), ("Pennsylvania", "PA", "New_York"),
    ("Rhode Island", "RI", "New_York"), ("South Carolina", "SC", "New_York"),
    ("South Dakota", "SD", "Chicago"), ("Tennessee", "TN", "Chicago"), ("Texas", "TX", "Chicago"),
    ("Utah", "UT", "Denver"), ("Vermont", "VT", "New_York"), ("Virginia", "VA", "New_York"),
    ("Washington", "WA", "Los_Angeles"), ("West Virginia", "WV", "New_York"),
    ("Wisconsin", "WI", "Chicago"), ("Wyoming", "WY", "Denver"), ("Hawaii", "HI", "Honolulu"),
)  # fmt: skip
ABBREVIATIONS = {name.casefold(): short for name, short, _ in STATES}
ALSO = {"usa": "US", "united states": "US", "united states of america": "US", "uk": "GB",
        "england": "GB", "scotland": "GB", "great britain": "GB", "united kingdom": "GB",
        "deutschland": "DE", "österreich": "AT", "schweiz": "CH"}  # fmt: skip
UNKNOWN = "Etc/Unknown"


@functools.cache
def _tables() -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return country names and countries' zones as the time zone database has them."""
    folder = importlib.resources.files("tzdata.zoneinfo")
    names, zones = dict(ALSO), defaultdict(list)
    for line in folder.joinpath("iso3166.tab").read_text().splitlines():
        if not line.startswith("#"):
            code, _, name = line.partition("\t")
            names.setdefault(name.casefold(), code)
    for line in folder.joinpath("zone.tab").read_text().splitlines():
        if not line.startswith("#"):
            code, _, zone = line.split("\t")[:3]
            zones[code].append(zone)
    return names, dict(zones)


@functools.cache
def _cities() -> dict[str, str]:
    """Return the zones that are named after a city, by its name."""
    return {
        zone.rpartition("/")[2].replace("_", " ").casefold(): zone
        for zone in sorted(zoneinfo.available_timezones())
        if "/" in zone and not zone.startswith(("Etc/", "US/", "posix/", "right/"))
    }


def country(text: str) -> str:
    """Return the ISO code a name or a code says, or an empty string."""
    names, zones = _tables()
    plain = text.strip()
    if len(plain) == 2 and plain.upper() in zones:
        return plain.upper()
    return names.get(plain.casefold(), "")


def names(place: str) -> list[str]:
    """Return how a place may be written: a state also by its two letters."""
    short = ABBREVIATIONS.get(place.strip().casefold())
    return [place.strip(), short] if short else [place.strip()]


def find(place: str, text: str) -> re.Match[str] | None:
    """Find a place in a text; what has two letters must stand in capitals."""
    for name in names(place):
        flags = re.I if len(name) > 3 else 0
        match = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, flags) if name else None
        if match:
            return match
    return None


def zone(*, phone: str = "", place: str = "", country: str = "") -> str:
    """Return the time zone a phone number, a place or a country says, or an empty string."""
    return _of_phone(phone) or _of_place(place) or _of_country(country)


def _of_phone(phone: str) -> str:
    """A number that may ring in several zones, such as a mobile or a free one, says none."""
    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return ""
    found = phone_zones.time_zones_for_number(number)
    return found[0] if len(found) == 1 and found[0] != UNKNOWN else ""


def _of_place(place: str) -> str:
    if not place:
        return ""
    for name, _, zone in STATES:
        if find(name, place):
            return f"America/{zone}"
    for part in re.split(r"[,;/|]", place):
        found = _cities().get(part.strip().casefold())
        if found:
            return found
    return ""


def _of_country(code: str) -> str:
    """Of a country with several zones none is guessed."""
    zones = _tables()[1].get(code.upper(), [])
    return zones[0] if len(zones) == 1 or code.upper() == "DE" else ""
