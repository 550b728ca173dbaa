"""Rows as CSV that no spreadsheet takes for formulas, sent while they are read."""

import csv
import io
from collections.abc import AsyncIterator, Iterator, Sequence

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone

CHUNK = 1_000
RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - these work too


def line(cells: Sequence[object]) -> str:
    """Write one row: nothing is empty, a moment is ISO 8601."""
    row = io.StringIO()
    csv.writer(row).writerow(defused(_text(cell)) for cell in cells)
    return row.getvalue()


def _text(cell: object) -> str:
    if cell is None:
        return ""
    return str(cell.isoformat()) if hasattr(cell, "isoformat") else str(cell)


def defused(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    return f"'{cell}" if cell.startswith(RISKY) else cell


def streamed(request: HttpRequest, lines: Iterator[str], name: str) -> StreamingHttpResponse:
    """Send the lines as a file: `name`, the day, .csv."""
    asynchronous = isinstance(request, ASGIRequest)
    response = StreamingHttpResponse(
        _awaited(lines) if asynchronous else lines, content_type="text/csv; charset=utf-8"
    )
    day = timezone.localdate().isoformat()
    response["Content-Disposition"] = f'attachment; filename="{name}-{day}.csv"'
    response["Cache-Control"] = "no-store"
    return response


async def _awaited(lines: Iterator[str]) -> AsyncIterator[str]:
    """Yield what a thread reads chunk by chunk: nothing is gathered first."""
    read = sync_to_async(lambda: next(lines, None))
    while (chunk := await read()) is not None:
        yield chunk
