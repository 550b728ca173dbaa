"""A file of leads on its way in: what its rows become, in words."""

from zoneinfo import ZoneInfo

from agency.models import AgencyProfile
from dashboard.file_imports import Line
from pipeline import lead_files
from pipeline.models import LeadImport

RECENT = 10


def lines(import_: LeadImport, profile: AgencyProfile) -> list[Line[lead_files.Row]]:
    """Return the first rows as they would be imported. Raises Unreadable."""
    content, zone = bytes(import_.content), ZoneInfo(profile.timezone)
    found = lead_files.preview(content, import_.mapping, import_.client, zone)
    return [Line(row, row.found is None) for row in found]


def recent() -> list[LeadImport]:
    """Return the newest imports."""
    rows = LeadImport.objects.defer("content", "problems").select_related("client")
    return list(rows.order_by("-pk")[:RECENT])
