"""A candidate: a company as a source describes it, cleaned, and what tells it from all others."""

import re
import unicodedata
from collections.abc import Callable, Mapping

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from pydantic import BaseModel, ConfigDict, Field

from integrations import web
from integrations.web import hosts
from pipeline.finding import addresses, places
from pipeline.intake import CONTROL
from pipeline.models import ProspectKey

SHARED = frozenset(
    (
        *("facebook.com", "instagram.com", "linkedin.com", "twitter.com", "x.com", "youtube.com"),
        *("yelp.com", "yelp.example", "google.com", "goo.gl", "bit.ly", "linktr.ee", "tiktok.com"),
        *("pinterest.com", "nextdoor.com", "angi.com", "houzz.com", "wikipedia.org"),
    )
)
"""Sites many companies have a page on: such an address tells nobody from anybody."""

FORMS = re.compile(
    r"\b(?:inc|incorporated|llc|l l c|ltd|limited|corp|corporation|co|company|plc|gmbh|ag|kg|sarl"
    r"|sas|bv|pty|pllc|llp|lp|the)\b"
)
DIGITS = re.compile(r"\d[\d,.']*")
MOST_PHONES = 40


class Person(BaseModel):
    """Somebody at the company, as a list or its own site names them."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(default="", max_length=200)
    role: str = Field(default="", max_length=120)
    email: str = Field(default="", max_length=254)
    phone: str = Field(default="", max_length=40)
    linkedin: str = Field(default="", max_length=300)

    def __bool__(self) -> bool:
        return bool(self.name or self.email)


class Candidate(BaseModel):
    """A company that may become a prospect. `words` is what the source says about it."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=200)
    website: str = Field(default="", max_length=500)
    email: str = Field(default="", max_length=254)
    phone: str = Field(default="", max_length=40)
    linkedin: str = Field(default="", max_length=300)
    industry: str = Field(default="", max_length=100)
    place: str = Field(default="", max_length=120)
    country: str = Field(default="", max_length=2)
    employees: int | None = Field(default=None, ge=0, le=10_000_000)
    description: str = Field(default="", max_length=1_000)
    person: Person = Person()
    url: str = Field(default="", max_length=500)
    words: str = Field(default="", max_length=800)

    @property
    def domain(self) -> str:
        """The domain it registered itself, if it has one."""
        found = web.registrable(web.host_of(self.website))
        return "" if found in SHARED else found

    @property
    def timezone(self) -> str:
        return places.zone(phone=self.phone, place=self.place, country=self.country)

    def text(self) -> str:
        """Return everything that is said about it, as one text."""
        parts = (self.name, self.industry, self.place, self.description, self.words)
        return "\n".join(part for part in parts if part)


FIELDS = {
    "name": "Company",
    "website": "Website",
    "email": "E-mail",
    "phone": "Phone",
    "linkedin": "LinkedIn page",
    "industry": "Industry",
    "place": "Place",
    "city": "City",
    "region": "State or region",
    "country": "Country",
    "employees": "Employees",
    "description": "Description",
    "person_name": "Person",
    "person_first": "Person’s first name",
    "person_last": "Person’s last name",
    "person_role": "Person’s role",
    "person_email": "Person’s e-mail",
    "person_phone": "Person’s phone",
    "person_linkedin": "Person’s LinkedIn",
}
"""What a source may say of a candidate; a file's columns are mapped to these."""


def read(
    raw: Mapping[str, object], *, url: str = "", words: str = ""
) -> tuple[Candidate | None, dict[str, str]]:
    """Make a candidate of what a source says, and say by field what of it was no good.

    Without a name there is none; anything else that is no good is left out.
    """
    said = {name: text(raw.get(name, ""), 1_000) for name in FIELDS}
    problems: dict[str, str] = {}
    country = places.country(said["country"])
    site = _tried("website", _website, said, problems)
    email = _tried("email", _email, said, problems)
    if not said["name"]:
        problems["name"] = "there is no company name"
        return None, problems
    person_name = said["person_name"] or f"{said['person_first']} {said['person_last']}".strip()
    candidate = Candidate(
        name=said["name"][:200],
        website=site,
        email=email,
        phone=_tried("phone", lambda value: _phone(value, country), said, problems),
        linkedin=_tried("linkedin", _linkedin, said, problems),
        industry=said["industry"][:100],
        place=(said["place"] or ", ".join(filter(None, (said["city"], said["region"]))))[:120],
        country=country,
        employees=_employees(said["employees"], problems),
        description=said["description"],
        person=Person(
            name=person_name[:200],
            role=said["person_role"][:120],
            email=_tried("person_email", _email, said, problems),
            phone=_tried("person_phone", lambda value: _phone(value, country), said, problems),
            linkedin=_tried("person_linkedin", _linkedin, said, problems),
        ),
        url=url[:500],
        words="\n".join(filter(None, (text(line, 800) for line in words.split("\n"))))[:800],
    )
    return candidate, problems


def text(value: object, limit: int) -> str:
    """Return a value as one line of text without control characters."""
    if not isinstance(value, str | int | float):
        return ""
    return " ".join(CONTROL.sub("", str(value).replace("\x00", "")).split())[:limit].strip()


def keys(candidate: Candidate) -> list[tuple[str, str]]:
    """Return what tells the company from all others: kind and value, the surest first."""
    kind = ProspectKey.Kind
    found: list[tuple[str, str]] = []
    if candidate.domain:
        found.append((kind.DOMAIN, candidate.domain))
    emails = {candidate.email.lower(), candidate.person.email.lower()} - {""}
    for email in sorted(emails):
        domain = addresses.domain_of(email)
        found.append((kind.EMAIL, email))
        if not candidate.domain and not addresses.is_free(domain):
            found.append((kind.DOMAIN, web.registrable(domain) or domain))
    if candidate.phone:
        found.append((kind.PHONE, candidate.phone))
    place = plain(candidate.place.partition(",")[0])
    name = FORMS.sub(" ", plain(candidate.name)).replace(" ", "")
    if name and place:
        found.append((kind.NAME, f"{name} {place}"[:300]))
    return list(dict.fromkeys((str(which), value) for which, value in found))


def plain(name: str) -> str:
    """Return a name without accents, marks and capitals."""
    apart = unicodedata.normalize("NFKD", name.casefold())
    bare = "".join(char for char in apart if not unicodedata.combining(char))
    return " ".join(re.sub(r"[^\w]+|_", " ", bare).split())


def world(candidate: Candidate) -> web.World | None:
    """Return the world its names live in; None if they are of both, or there are none."""
    named = (candidate.website, candidate.email, candidate.person.email)
    found = {web.world_of(name) for name in named if name}
    return found.pop() if len(found) == 1 else None


def is_mixed(candidate: Candidate) -> bool:
    """Whether its names are of both worlds, so that no effect on it could be right."""
    named = (candidate.website, candidate.email, candidate.person.email)
    return len({web.world_of(name) for name in named if name}) > 1


def _tried(
    field: str, parse: Callable[[str], str], said: dict[str, str], problems: dict[str, str]
) -> str:
    if not said[field]:
        return ""
    try:
        return parse(said[field])
    except ValueError as error:
        problems[field] = str(error)
        return ""


def _website(value: str) -> str:
    url = value if "://" in value else f"https://{value.lstrip('/')}"
    try:
        found = hosts.target(url, web.world_of(url))
    except web.WebRefused:
        raise ValueError(f"“{value[:60]}” is no web address") from None
    if not web.registrable(found.host) or len(found.url) > 500:
        raise ValueError(f"“{value[:60]}” is no company's web address")
    return found.url


def _linkedin(value: str) -> str:
    url = _website(value)
    if web.registrable(web.host_of(url)) not in {"linkedin.com", "linkedin.example"}:
        raise ValueError(f"“{value[:60]}” is no LinkedIn address")
    if len(url) > 300:
        raise ValueError("the LinkedIn address is too long")
    return url


def _email(value: str) -> str:
    try:
        found = validate_email(
            value.removeprefix("mailto:"), check_deliverability=False, test_environment=True
        )
    except EmailNotValidError:
        raise ValueError(f"“{value[:60]}” is no e-mail address") from None
    return found.normalized


def _phone(value: str, country: str) -> str:
    """Return E.164; a number without a country is taken for one of the company's, or the US."""
    try:
        number = phonenumbers.parse(value[:MOST_PHONES], country or "US")
    except phonenumbers.NumberParseException:
        raise ValueError(f"“{value[:40]}” is no phone number") from None
    if not phonenumbers.is_possible_number(number):
        raise ValueError(f"“{value[:40]}” is no phone number")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _employees(value: str, problems: dict[str, str]) -> int | None:
    """Read a number, or the smaller of a range such as LinkedIn's “11-50 employees”."""
    if not value:
        return None
    match = DIGITS.search(value)
    number = int(re.sub(r"\D", "", match.group(0))) if match else -1
    if not 0 <= number <= 10_000_000:
        problems["employees"] = f"“{value[:40]}” is no number of people"
        return None
    return number
