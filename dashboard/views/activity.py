"""Activity: the audit trail, a sentence a row."""

import uuid

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from agency.models import AuditEntry
from dashboard import leads
from dashboard.web import asked, newest, page

KINDS = [("", "Everybody"), ("user", "People"), ("agent", "Agents"), ("system", "The house")]
PARAMETERS = ("actor", "verb", "object", "correlation", "q")


@require_safe
def activity_list(request: HttpRequest) -> HttpResponse:
    """List what happened, newest first, by who, what, on what, in which chain, or by words."""
    wanted = {name: asked(request, name) for name in PARAMETERS}
    slice_ = newest(_search(wanted), asked(request, "before"))
    context = {
        "rows": [(entry, leads.href_of(entry)) for entry in slice_.rows],
        "page": slice_,
        "asked": wanted,
        "filtered": any(wanted.values()),
        "kinds": KINDS,
    }
    return page(request, "agency/activity_list.html", context, partials=["activity-table"])


def _search(wanted: dict[str, str]) -> QuerySet[AuditEntry]:
    entries = AuditEntry.objects.all()
    if wanted["actor"] in AuditEntry.ActorKind.values:
        entries = entries.filter(actor_kind=wanted["actor"])
    if wanted["verb"]:
        entries = entries.filter(verb__startswith=wanted["verb"])
    if wanted["object"]:
        kind, _, key = wanted["object"].partition("/")
        entries = entries.filter(object_type=kind)
        if key:
            entries = entries.filter(object_id=key)
    if wanted["correlation"]:
        entries = entries.filter(correlation_id=_uuid(wanted["correlation"]))
    if wanted["q"]:
        entries = entries.filter(sentence__icontains=wanted["q"])
    return entries


def _uuid(text: str) -> uuid.UUID:
    """Return the id, or one that nothing has."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return uuid.UUID(int=0)
