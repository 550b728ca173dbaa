"""Activity: the audit trail, a sentence a row, by day; searched, and exported as it is filtered."""

import datetime as dt
import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from agency.models import AuditEntry
from agents import fleet
from dashboard.house import telling, trail
from dashboard.sales import leads
from dashboard.web import Request, asked, page

PEOPLE_LISTED = 50
FORMATS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson; charset=utf-8"}


@dataclass(frozen=True)
class Row:
    """One entry as the page shows it."""

    entry: AuditEntry
    words: SafeString
    href: str

    @property
    def undoable(self) -> bool:
        """Whether this is a run that did something which may be undone."""
        return self.entry.verb == "run.completed" and bool(self.entry.data.get("actions"))


@require_safe
def activity_list(request: Request) -> HttpResponse:
    """List what happened, newest first, as far as it fits what is asked."""
    wanted = _wanted(request)
    found = trail.search(wanted, asked(request, "before"))
    table = request.htmx and request.htmx.target == "activity-table"
    context = {
        "days": _by_day(found.page.rows, request.user.get_username()),
        "found": found,
        "page": found.page,
        "asked": wanted,
        "kinds": trail.KINDS,
        "groups": trail.GROUPS,
        "agents": sorted(fleet.all_agents()),
        "people": [] if table else _people(),
        "query": urlencode(wanted.fields()),
    }
    return page(request, "agency/activity_list.html", context, partials=["activity-table"])


@require_safe
def export(request: HttpRequest, form: str) -> StreamingHttpResponse:
    """Stream all that fits the filter as CSV or JSON Lines."""
    response = StreamingHttpResponse(
        _written(trail.chunks(_wanted(request)), form), content_type=FORMATS[form]
    )
    name = f"activity-{timezone.localdate():%Y-%m-%d}.{form}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


async def _written(pieces: Iterator[list[AuditEntry]], form: str) -> AsyncIterator[str]:
    """Write piece by piece, each read in the request's own thread."""
    if form == "csv":
        yield trail.as_csv([], head=True)
    write = trail.as_csv if form == "csv" else trail.as_lines
    while (rows := await sync_to_async(_next)(pieces)) is not None:
        yield write(rows)


def _next(pieces: Iterator[list[AuditEntry]]) -> list[AuditEntry] | None:
    return next(pieces, None)


def _wanted(request: HttpRequest) -> trail.Wanted:
    return trail.Wanted(**{name: asked(request, name) for name in trail.FIELDS})


def _by_day(rows: list[AuditEntry], me: str) -> list[tuple[dt.date, list[Row]]]:
    shown = (Row(row, telling.sentence(row, me), leads.href_of(row)) for row in rows)
    days = itertools.groupby(shown, key=lambda row: timezone.localdate(row.entry.at))
    return [(day, list(found)) for day, found in days]


def _people() -> list[str]:
    names = User.objects.filter(is_active=True).order_by("username")
    return list(names.values_list("username", flat=True)[:PEOPLE_LISTED])
