"""A file of prospects on its way in: what its columns hold, what its rows become."""

from dataclasses import dataclass

from pipeline.finding.sources import file
from pipeline.models import ProspectImport

RECENT = 10


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


def lines(import_: ProspectImport) -> list[Line]:
    """Return the first rows as they would be imported. Raises Unreadable."""
    ideal = import_.source.ideal_customer
    found = file.preview(bytes(import_.content), import_.mapping, ideal)
    return [Line(row) for row in found.rows]


def recent() -> list[ProspectImport]:
    """Return the newest imports."""
    rows = ProspectImport.objects.defer("content", "problems").select_related("source")
    return list(rows.order_by("-pk")[:RECENT])
