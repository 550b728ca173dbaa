"""One timeline for one company, from the first sight of it to the client it became.

Whatever a page is about, the company's other records are found from it: prospect, leads, deals,
conversations, calls, proposals, payments, client. One statement finds them and the newest lines of
the trail about any of them, or about what agents proposed and ran for them.
"""

import datetime as dt
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.urls import reverse

from agency.models import AuditEntry, Client
from agents.models import Run
from dashboard.sales import leads
from dashboard.sales.leads import Entry
from pipeline.models import Deal, Lead, Prospect

LENGTH = 50
HIGHEST = 2**63 - 1
DECIMAL = re.compile(r"[0-9]{1,18}")

NEWEST = """
WITH deal AS (
    SELECT id, lead_id, prospect_id, client_id FROM pipeline_deal
    WHERE id = ANY(%(deals)s::uuid[]) OR lead_id = ANY(%(leads)s::uuid[])
        OR prospect_id = ANY(%(prospects)s::uuid[]) OR client_id = ANY(%(clients)s::bigint[])
), thread AS (
    SELECT id, lead_id, prospect_id FROM pipeline_thread
    WHERE prospect_id = ANY(%(prospects)s::uuid[] || ARRAY(SELECT prospect_id FROM deal))
        OR lead_id = ANY(%(leads)s::uuid[] || ARRAY(SELECT lead_id FROM deal))
), lead AS (
    SELECT unnest(%(leads)s::uuid[]) AS id UNION SELECT lead_id FROM deal
    UNION SELECT lead_id FROM thread WHERE lead_id IS NOT NULL
), sight AS (
    SELECT unnest(%(prospects)s::uuid[]) AS id
    UNION SELECT prospect_id FROM deal WHERE prospect_id IS NOT NULL
    UNION SELECT prospect_id FROM thread WHERE prospect_id IS NOT NULL
), prospect AS (
    SELECT id FROM sight
    UNION SELECT id FROM pipeline_prospect WHERE merged_into_id = ANY(ARRAY(SELECT id FROM sight))
), sale AS (
    SELECT id, client_id FROM deal
    UNION SELECT id, client_id FROM pipeline_deal WHERE lead_id = ANY(ARRAY(SELECT id FROM lead))
), whose AS (
    SELECT unnest(%(clients)s::bigint[]) AS id
    UNION SELECT client_id FROM sale WHERE client_id IS NOT NULL
), meeting AS (
    SELECT id FROM pipeline_meeting WHERE lead_id = ANY(ARRAY(SELECT id FROM lead))
), proposal AS (
    SELECT id FROM pipeline_proposal WHERE deal_id = ANY(ARRAY(SELECT id FROM sale))
), record (kind, id) AS (
    SELECT 'pipeline.lead', id::text FROM lead
    UNION ALL SELECT 'pipeline.prospect', id::text FROM prospect
    UNION ALL SELECT 'pipeline.deal', id::text FROM sale
    UNION ALL SELECT 'pipeline.thread', id::text FROM thread
    UNION ALL SELECT 'pipeline.meeting', id::text FROM meeting
    UNION ALL SELECT 'pipeline.proposal', id::text FROM proposal
    UNION ALL SELECT 'agency.client', id::text FROM whose
    UNION ALL SELECT 'billing.payment', id::text FROM billing_payment
        WHERE purpose = 'proposal' AND reference = ANY(ARRAY(SELECT id FROM proposal))
    UNION ALL SELECT 'pipeline.inboundmail', id::text FROM pipeline_inboundmail
        WHERE thread_id = ANY(ARRAY(SELECT id FROM thread))
    UNION ALL SELECT 'pipeline.enrollment', id::text FROM pipeline_enrollment
        WHERE prospect_id = ANY(ARRAY(SELECT id FROM prospect))
), key AS MATERIALIZED (
    SELECT kind, id FROM record
    UNION ALL SELECT 'control.action', a.id::text FROM record
        JOIN control_action a ON a.subject_type = record.kind AND a.subject_id = record.id
    UNION ALL SELECT 'agents.run', r.id::text FROM record
        JOIN agents_run r ON r.subject_type = record.kind AND r.subject_id = record.id
), newest AS (
    SELECT e.id FROM key CROSS JOIN LATERAL (
        SELECT id FROM agency_auditentry
        WHERE object_type = key.kind AND object_id = key.id AND id < %(before)s
        ORDER BY id DESC LIMIT %(most)s) AS e
    UNION
    SELECT e.id FROM whose CROSS JOIN LATERAL (
        SELECT id FROM agency_auditentry
        WHERE client_id = whose.id AND id < %(before)s
        ORDER BY id DESC LIMIT %(most)s) AS e
    ORDER BY id DESC LIMIT %(most)s
)
SELECT e.*, (
        SELECT jsonb_agg(jsonb_build_array(p.id, p.created_at, source.name, p.reason))
        FROM pipeline_prospect p LEFT JOIN pipeline_source source ON source.id = p.source_id
        WHERE p.id = ANY(ARRAY(SELECT id FROM sight))
    ) AS sights,
    a.reason AS why, r.engine AS engine,
    ARRAY(SELECT jsonb_array_elements_text(r.path)) AS path,
    NOT a.outward AND a.level = 'auto' AND a.status = 'done' AS by_itself
FROM newest JOIN agency_auditentry e USING (id)
LEFT JOIN control_action a
    ON a.id = CASE WHEN e.object_type = 'control.action' THEN e.object_id::uuid END
LEFT JOIN agents_run r
    ON r.id = CASE WHEN e.verb = 'run.completed' THEN e.object_id::uuid END
ORDER BY e.id DESC
"""


@dataclass(frozen=True)
class Timeline:
    """So many lines, newest first. `older` is what to ask for the next with."""

    entries: list[Entry]
    older: str
    newer: bool


def of_company(
    *,
    prospect: Prospect | None = None,
    lead: Lead | None = None,
    deal: Deal | None = None,
    client: Client | None = None,
    before: str = "",
    runs: Iterable[Run] = (),
    most: int = LENGTH,
) -> Timeline:
    """Return what happened with a company and why, newest first; one query.

    Of `runs`, those that did not end well are lines of their own on the first page. A `before`
    that makes no sense gives the first page.
    """
    number = int(before) if DECIMAL.fullmatch(before) else HIGHEST
    newer = 0 < number < HIGHEST
    values: dict[str, Any] = {
        "prospects": [prospect.pk] if prospect else [],
        "leads": [lead.pk] if lead else [],
        "deals": [deal.pk] if deal else [],
        "clients": [client.pk] if client else [],
        "before": number if newer else HIGHEST,
        "most": most + 1,
    }
    rows = list(AuditEntry.objects.raw(NEWEST, values))
    found = [entry for row in rows[:most] for entry in _lines(row)]
    if not newer:
        found += [leads.unfinished(run) for run in runs if run.status != Run.Status.COMPLETED]
    older = str(rows[most - 1].pk) if len(rows) > most else ""
    if not older:
        found += _sights(rows[0]) if rows else [_sight(prospect)] if prospect else []
    found.sort(key=lambda entry: entry.at, reverse=True)
    return Timeline(found, older, newer)


def _sights(row: AuditEntry) -> list[Entry]:
    """Return the lines everything began with: Scout adds a company without a word in the trail."""
    found = json.loads(row.__dict__["sights"] or "[]")
    return [_found(UUID(pk), dt.datetime.fromisoformat(at), *words) for pk, at, *words in found]


def _sight(prospect: Prospect) -> Entry:
    source = str(prospect.source) if prospect.source else None
    return _found(prospect.pk, prospect.created_at, source, prospect.reason)


def _found(pk: UUID, at: dt.datetime, source: str | None, reason: str) -> Entry:
    words = f"Found in “{source}”" if source else "Found"
    return Entry(at, words, "ai", reverse("prospect-detail", args=[pk]), reason)


def _lines(row: AuditEntry) -> list[Entry]:
    """Return a line; none for the steps of what policy let through at once, but its end."""
    extra = row.__dict__
    by_itself = extra["by_itself"]
    if by_itself and row.verb in {"action.proposed", "action.approve"}:
        return []
    why = extra["why"] if by_itself else ""
    entry = leads.entry_of(row, why=why or "", engine=extra["engine"] or "")
    path = tuple(str(step) for step in extra["path"] or ())
    return [Entry(entry.at, entry.sentence, entry.tone, entry.href, entry.detail, path)]
