"""A file of leads on its way in: what its rows become, in words."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from agency.models import AgencyProfile
from pipeline import lead_files
from pipeline.models import LeadImport

RECENT = 10


@dataclass(frozen=True)
class Line:
    """One row of the preview, with what becomes of it in words."""

    row: lead_files.Row

    @property
    def verdict(self) -> str:
        """What becomes of the row."""
        if self.row.found is None:
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


def lines(import_: LeadImport, profile: AgencyProfile) -> list[Line]:
    """Return the first rows as they would be imported. Raises Unreadable."""
    content, zone = bytes(import_.content), ZoneInfo(profile.timezone)
    found = lead_files.preview(content, import_.mapping, import_.client, zone)
    return [Line(row) for row in found]


def recent() -> list[LeadImport]:
    """Return the newest imports."""
    rows = LeadImport.objects.defer("content", "problems").select_related("client")
    return list(rows.order_by("-pk")[:RECENT])
