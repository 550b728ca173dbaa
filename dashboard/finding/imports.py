"""A file of prospects on its way in: what its columns hold, what its rows become."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

from agency import live
from pipeline.finding.candidates import FIELDS
from pipeline.finding.sources import file
from pipeline.models import ProspectImport

SAMPLED = 5
RECENT = 10


@dataclass(frozen=True)
class Column:
    """One column of the file: what is said to be in it, and an example from its first rows."""

    name: str
    field: str
    sample: str


@dataclass(frozen=True)
class Line:
    """One row of the preview, with what becomes of it in words."""

    row: file.Row

    @property
    def verdict(self) -> str:
        """What becomes of the row."""
        if self.row.candidate is None or file.refusal(self.row.candidate):
            return "left out"
        if self.row.duplicate_of is not None:
            return "is there already"
        if self.row.repeats is not None:
            return f"is row {self.row.repeats} again"
        return "added"

    @property
    def tone(self) -> str:
        """The meaning of the verdict."""
        return {"added": "ok", "left out": "bad"}.get(self.verdict, "off")


def columns(import_: ProspectImport) -> list[Column]:
    """Return the file's columns with an example of each. Raises Unreadable."""
    content = bytes(import_.content)
    first = list(islice(file.rows(content), SAMPLED))
    return [
        Column(
            name,
            import_.mapping.get(name, ""),
            next((row[name] for row in first if row.get(name, "").strip()), ""),
        )
        for name in file.columns(content)
    ]


def lines(import_: ProspectImport) -> list[Line]:
    """Return the first rows as they would be imported. Raises Unreadable."""
    ideal = import_.source.ideal_customer
    found = file.preview(bytes(import_.content), import_.mapping, ideal)
    return [Line(row) for row in found.rows]


def remap(import_: ProspectImport, said: Mapping[str, str]) -> str:
    """Say what the columns hold, before the file is imported; or return why that cannot be."""
    mapping = {name: field for name, field in said.items() if field in FIELDS}
    fields = list(mapping.values())
    twice = next((field for field in fields if fields.count(field) > 1), None)
    if twice is not None:
        return f"Two columns cannot both be “{FIELDS[twice]}”; what was said before stays."
    open_ = ProspectImport.objects.filter(pk=import_.pk, status=ProspectImport.Status.UPLOADED)
    if not open_.update(mapping=mapping):
        return "It is imported already."
    import_.mapping = mapping
    live.broadcast(topic(import_))
    return ""


def topic(import_: ProspectImport) -> str:
    """Return the live topic of an import."""
    return f"import:{import_.pk}"


def recent() -> list[ProspectImport]:
    """Return the newest imports."""
    rows = ProspectImport.objects.defer("content", "problems").select_related("source")
    return list(rows.order_by("-pk")[:RECENT])
