"""A file of prospects on its way in: what its columns hold, what its rows become."""

from dashboard.file_imports import Line
from pipeline.finding.sources import file
from pipeline.models import ProspectImport

RECENT = 10


def lines(import_: ProspectImport) -> list[Line[file.Row]]:
    """Return the first rows as they would be imported. Raises Unreadable."""
    ideal = import_.source.ideal_customer
    found = file.preview(bytes(import_.content), import_.mapping, ideal)
    return [
        Line(row, row.candidate is None or bool(file.refusal(row.candidate))) for row in found.rows
    ]


def recent() -> list[ProspectImport]:
    """Return the newest imports."""
    rows = ProspectImport.objects.defer("content", "problems").select_related("source")
    return list(rows.order_by("-pk")[:RECENT])
