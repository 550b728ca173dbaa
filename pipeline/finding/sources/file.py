"""Files of prospects: CSV as spreadsheets and sales tools write it, LinkedIn's exports among them.

How a file is read is guessed once and shown; nothing is imported before a person has seen it.
"""

import csv
import functools
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from pipeline import prospects
from pipeline.finding import candidates, fit
from pipeline.finding.candidates import FIELDS, Candidate
from pipeline.intake import plain
from pipeline.models import IdealCustomer, Prospect

MOST_BYTES = 30_000_000
MOST_ROWS = 250_000
MOST_COLUMNS = 200
LONGEST_COLUMN = 100
DELIMITERS = ",;\t|"
HEAD = 15
"""So many lines are looked at to find the header: LinkedIn writes notes above it."""

PREVIEWED = 20

ALIASES = {
    "name": (
        "company", "company name", "account name", "account", "organization", "organisation",
        "organization name", "business", "business name", "company / account", "employer",
        "current company",
    ),
    "website": (
        "web site", "url", "homepage", "domain", "company website", "company url",
        "company domain", "account website", "web",
    ),
    "email": ("company email", "general email", "office email", "account email"),
    "phone": (
        "company phone", "telephone", "tel", "phone number", "office phone", "account phone",
        "main phone", "company phone number",
    ),
    "linkedin": (
        "company linkedin", "company linkedin url", "linkedin company page", "linkedin company url",
        "linkedin account url", "sales navigator account url", "company profile url",
    ),
    "industry": ("sector", "category", "trade", "company industry", "vertical", "type"),
    "place": (
        "location", "geography", "address", "hq", "headquarters", "company location",
        "company headquarters", "hq location",
    ),
    "city": ("town", "company city", "locality", "billing city"),
    "region": ("state", "province", "county", "company state", "state/region", "billing state"),
    "country": ("company country", "country/region", "nation", "billing country"),
    "employees": (
        "employee count", "number of employees", "company size", "headcount", "company headcount",
        "size", "staff", "no of employees",
    ),
    "description": ("about", "summary", "company description", "notes", "overview"),
    "person_name": ("full name", "contact", "contact name", "contact person", "lead name"),
    "person_first": ("first name", "given name", "firstname", "contact first name"),
    "person_last": ("last name", "surname", "family name", "lastname", "contact last name"),
    "person_role": ("title", "job title", "position", "role", "current title", "occupation"),
    "person_email": (
        "email", "e-mail", "email address", "work email", "contact email", "e-mail address",
        "business email",
    ),
    "person_phone": ("mobile", "mobile phone", "direct phone", "contact phone", "cell"),
    "person_linkedin": (
        "linkedin", "linkedin url", "linkedin profile", "profile url", "person linkedin url",
        "linkedin profile url", "contact linkedin", "public profile url",
    ),
}  # fmt: skip
"""What columns are called, the first one wins. A bare “name” is the person's beside a company."""


class Unreadable(ValueError):
    """The file cannot be read as a table; the message says why."""


@dataclass(frozen=True)
class Row:
    """A row as it would be imported. `number` counts from 1 below the header."""

    number: int
    candidate: Candidate | None
    problems: dict[str, str]
    points: int = 0
    duplicate_of: Prospect | None = None
    repeats: int | None = None
    """The row of this file that is the same company."""


@dataclass(frozen=True)
class Preview:
    """The first rows as they would be imported, and how many there are."""

    rows: tuple[Row, ...]
    total: int
    unmapped: tuple[str, ...] = field(default=())


def columns(content: bytes) -> list[str]:
    """Return the names of a file's columns, each once. Raises Unreadable."""
    return _table(content)[0]


def rows(content: bytes, *, start: int = 0) -> Iterator[dict[str, str]]:
    """Return a file's rows by column, from the `start`-th on; empty ones too. Raises Unreadable."""
    names, body = _table(content)
    try:
        for values in islice(body, start, MOST_ROWS):
            yield dict(zip(names, values, strict=False))
    except csv.Error as error:
        raise Unreadable(f"the table is broken: {error}") from None


def count(content: bytes) -> int:
    """Return how many rows a file has. Raises Unreadable."""
    return sum(1 for _ in rows(content))


def guess(columns: list[str]) -> dict[str, str]:
    """Return what columns most likely hold, column → field; what is unclear is left out."""
    known = _aliases()
    best: dict[str, tuple[int, str]] = {}
    for column in columns:
        found = known.get(plain(column))
        if found is None:
            continue
        wanted, rank = found
        if wanted not in best or rank < best[wanted][0]:
            best[wanted] = (rank, column)
    mapping = {column: wanted for wanted, (_, column) in best.items()}
    bare = next((column for column in columns if plain(column) == "name"), None)
    if bare is not None and bare not in mapping:
        named = "name" if "name" not in mapping.values() else "person_name"
        if named not in mapping.values():
            mapping[bare] = named
    return {column: mapping[column] for column in columns if column in mapping}


def candidate(
    row: Mapping[str, str], mapping: Mapping[str, str]
) -> tuple[Candidate | None, dict[str, str]]:
    """Make a candidate of a row, and say by field what of it was no good."""
    said = {wanted: row.get(column, "") for column, wanted in mapping.items() if wanted in FIELDS}
    if not said.get("website") and "." in said.get("email", "") and "@" not in said["email"]:
        said["website"], said["email"] = said["email"], ""
    return candidates.read(said)


def preview(
    content: bytes, mapping: Mapping[str, str], ideal: IdealCustomer, *, most: int = PREVIEWED
) -> Preview:
    """Read the first rows as an import would, duplicates and all. Raises Unreadable."""
    wanted = fit.ideal(ideal)
    read = [candidate(row, mapping) for row in islice(rows(content), most)]
    keys = [candidates.keys(found) if found is not None else [] for found, _ in read]
    known = prospects.known(key for each in keys for key in each)
    rows_of = Prospect.objects.in_bulk(set(known.values()))
    first: dict[prospects.Key, int] = {}
    shown = []
    for number, ((found, problems), mine) in enumerate(zip(read, keys, strict=True), 1):
        old = next((known[key] for key in mine if key in known), None)
        again = next((first[key] for key in mine if key in first), None)
        shown.append(
            Row(
                number=number,
                candidate=found,
                problems=problems | refusal(found),
                points=prospects.measure(found, wanted, unknown=1.0).points if found else 0,
                duplicate_of=rows_of.get(old) if old is not None else None,
                repeats=again,
            )
        )
        for key in mine:
            first.setdefault(key, number)
    unmapped = tuple(name for name in columns(content) if name not in mapping)
    return Preview(tuple(shown), count(content), unmapped)


def refusal(found: Candidate | None) -> dict[str, str]:
    """Say why a whole row cannot be imported, if so."""
    if found is None:
        return {}
    try:
        prospects.world_of(found, None)
    except prospects.OtherWorld as other:
        return {"website": str(other)}
    return {}


@functools.cache
def _aliases() -> dict[str, tuple[str, int]]:
    found: dict[str, tuple[str, int]] = {}
    for wanted, names in ALIASES.items():
        for rank, name in enumerate(names):
            found.setdefault(plain(name), (wanted, rank))
    for wanted, label in FIELDS.items():
        if wanted not in {"name", "email", "linkedin"}:
            found.setdefault(plain(wanted), (wanted, 0))
            found.setdefault(plain(label), (wanted, 0))
    return found


def _table(content: bytes) -> tuple[list[str], Iterator[list[str]]]:
    """Return the column names and what stands below them."""
    if len(content) > MOST_BYTES:
        raise Unreadable(f"the file is larger than {MOST_BYTES // 1_000_000} MB")
    text = _decoded(content)
    if not text.strip():
        raise Unreadable("the file is empty")
    delimiter = _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        head = list(islice(reader, HEAD))
    except csv.Error as error:
        raise Unreadable(f"the table is broken: {error}") from None
    at = _header(head)
    names = _once([candidates.text(name, LONGEST_COLUMN) for name in head[at][:MOST_COLUMNS]])
    if len(names) < 1 or not any(names):
        raise Unreadable("no line of it looks like a header")

    def body() -> Iterator[list[str]]:
        for values in (*head[at + 1 :], *reader):
            if any(value.strip() for value in values):
                yield values

    return names, body()


def _decoded(content: bytes) -> str:
    """Read the bytes as spreadsheets write them: UTF-8, UTF-16 with its mark, or Windows'."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace").replace("\x00", "")
    try:
        return content.decode("utf-8-sig").replace("\x00", "")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _delimiter(text: str) -> str:
    """Return what cuts most of the first lines into the same number of pieces."""
    lines = [line for line in text.splitlines()[: HEAD * 2] if line.strip()]

    def steadiness(delimiter: str) -> tuple[int, int]:
        counts = [len(row) for row in csv.reader(lines, delimiter=delimiter)]
        most = max(set(counts), key=counts.count, default=1)
        return (counts.count(most) if most > 1 else 0, most)

    try:
        return max(DELIMITERS, key=steadiness)
    except csv.Error:
        return ","


def _header(head: list[list[str]]) -> int:
    """Return which line is the header: the one with most names we know, else the first full one."""
    known = _aliases()
    scores = [sum(plain(cell) in known or plain(cell) == "name" for cell in row) for row in head]
    best = max(range(len(scores)), key=lambda at: scores[at], default=0)
    if scores and scores[best]:
        return best
    widest = max((len(row) for row in head), default=0)
    return next((at for at, row in enumerate(head) if len(row) == widest), 0)


def _once(names: list[str]) -> list[str]:
    """Return column names, those that come again or are empty told apart by a number."""
    found: list[str] = []
    for number, name in enumerate(names, 1):
        found.append(name if name and name not in found else f"{name or 'Column'} ({number})")
    return found
