"""What Postgres says of how far companies came: counts and middle times, in two queries.

A company is counted once, from when it was found, or from when it asked by itself. Prospects
nobody wrote to yet are only counted, from an index; all others are looked at one by one, driven by
what was sent and who asked, so that 100,000 prospects cost no more than those that moved.

Times are business time. What was written down by the wall clock is brought to it.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db import connection

from agency import clock

FOUND, WRITTEN, ANSWERED, LEAD, BOOKED, HELD, PROPOSED, SIGNED, CLIENT = range(9)
STEPS = 9


def _business(column: str) -> str:
    """Return SQL for a wall time as business time."""
    return (
        f"CASE WHEN {column} > %(anchor)s"
        f" THEN %(anchor)s + ({column} - %(anchor)s) * %(factor)s ELSE {column} END"
    )


COMPANIES = f"""
WITH touched AS MATERIALIZED (
    SELECT prospect_id, min(sent_at) AS written, min(replied_at) AS answered,
        min(variant_id) AS variant
    FROM pipeline_touch WHERE sent_at >= %(start)s GROUP BY prospect_id
), came AS MATERIALIZED (
    SELECT lead_id, (min(prospect_id::text))::uuid AS prospect_id FROM (
        SELECT lead_id, prospect_id FROM pipeline_thread
        WHERE lead_id IS NOT NULL AND prospect_id IS NOT NULL
        UNION ALL
        SELECT lead_id, prospect_id FROM pipeline_inboundmail
        WHERE lead_id IS NOT NULL AND prospect_id IS NOT NULL
        UNION ALL
        SELECT lead_id, prospect_id FROM pipeline_deal WHERE prospect_id IS NOT NULL
    ) link GROUP BY lead_id
), held AS (
    SELECT deal_id, min(closed_at) AS at FROM pipeline_meeting
    WHERE status = 'held' AND deal_id IS NOT NULL GROUP BY deal_id
), offered AS (
    SELECT deal_id, min(sent_at) AS at, min(signed_at) AS signed_at FROM pipeline_proposal offer
    LEFT JOIN pipeline_signature ON proposal_id = offer.id
    WHERE sent_at IS NOT NULL OR signed_at IS NOT NULL GROUP BY deal_id
), sale AS MATERIALIZED (
    SELECT DISTINCT ON (deal.lead_id) deal.lead_id, deal.opened_at, deal.stage, deal.closed_at,
        deal.lost_reason, held.at AS held_at, offered.at AS sent_at, offered.signed_at
    FROM pipeline_deal deal
    LEFT JOIN held ON held.deal_id = deal.id
    LEFT JOIN offered ON offered.deal_id = deal.id
    ORDER BY deal.lead_id, deal.stage = 'won' DESC, deal.opened_at DESC
), asked AS MATERIALIZED (
    SELECT lead.id AS lead_id, came.prospect_id, lead.source AS came_by, lead.received_at,
        sale.opened_at, sale.closed_at, sale.lost_reason, sale.held_at, sale.sent_at,
        sale.signed_at,
        CASE WHEN sale.stage = 'won' OR outcome = 'won' THEN {CLIENT}
            WHEN sale.stage = 'signed' OR signed_at IS NOT NULL THEN {SIGNED}
            WHEN sale.stage IN ('proposed', 'negotiating') OR sent_at IS NOT NULL THEN {PROPOSED}
            WHEN sale.stage = 'held' OR held_at IS NOT NULL THEN {HELD}
            WHEN sale.stage IS NOT NULL THEN {BOOKED}
            ELSE {LEAD} END AS reached,
        CASE WHEN sale.stage = 'won' OR outcome = 'won' THEN false
            ELSE sale.stage IS NOT DISTINCT FROM 'lost' OR outcome = 'lost'
                OR (sale.stage IS NULL AND status = 'disqualified') END AS lost
    FROM pipeline_lead lead
    LEFT JOIN came ON came.lead_id = lead.id
    LEFT JOIN sale ON sale.lead_id = lead.id
    WHERE lead.client_id IS NULL
        AND (came.prospect_id IS NOT NULL OR lead.received_at >= %(wall_start)s)
), theirs AS (
    -- A prospect whose people asked twice is the company that came further.
    SELECT DISTINCT ON (prospect_id) * FROM asked
    WHERE prospect_id IS NOT NULL ORDER BY prospect_id, reached DESC, received_at
), moved AS (
    -- Full, so that Postgres hashes it, whatever it thinks of how many there are.
    SELECT coalesce(touched.prospect_id, theirs.prospect_id) AS prospect_id, touched.written,
        touched.answered, touched.variant, theirs.came_by, theirs.received_at, theirs.opened_at,
        theirs.closed_at, theirs.lost_reason, theirs.held_at, theirs.sent_at, theirs.signed_at,
        theirs.reached, theirs.lost
    FROM touched FULL JOIN theirs ON theirs.prospect_id = touched.prospect_id
), company AS (
    SELECT prospect.id AS prospect_id, prospect.created_at AS entered, prospect.status AS stood,
        prospect.ideal_customer_id, prospect.source_id, moved.variant, moved.came_by,
        moved.lost_reason, moved.written, moved.answered, moved.received_at, moved.opened_at,
        moved.held_at, moved.sent_at, moved.signed_at, moved.closed_at,
        coalesce(moved.reached, CASE WHEN moved.answered IS NOT NULL THEN {ANSWERED}
            WHEN moved.written IS NOT NULL THEN {WRITTEN} ELSE {FOUND} END) AS reached,
        coalesce(moved.lost, prospect.status IN ('declined', 'dropped')) AS lost
    FROM moved
    JOIN pipeline_prospect prospect ON prospect.id = moved.prospect_id
    WHERE prospect.merged_into_id IS NULL AND prospect.created_at >= %(wall_start)s
    UNION ALL
    SELECT NULL, received_at, NULL, NULL, NULL, NULL, came_by, lost_reason, NULL, NULL,
        received_at, opened_at, held_at, sent_at, signed_at, closed_at, reached, lost
    FROM asked WHERE prospect_id IS NULL
), journey AS MATERIALIZED (
    SELECT *, entered >= %(wall_recent)s AS recent,
        CASE WHEN prospect_id IS NOT NULL THEN {_business("entered")} END AS t0,
        written AS t1, answered AS t2, {_business("received_at")} AS t3, opened_at AS t4,
        held_at AS t5, sent_at AS t6, {_business("signed_at")} AS t7,
        CASE WHEN reached = {CLIENT} THEN closed_at END AS t8
    FROM company WHERE {{where}}
)
"""  # noqa: S608 - the numbers of the steps, nothing from outside

TOOK = ", ".join(
    f"percentile_disc(0.5) WITHIN GROUP (ORDER BY greatest(t{n} - t{n - 1}, '0'))"
    f" FILTER (WHERE reached >= {n} AND t{n} IS NOT NULL AND t{n - 1} IS NOT NULL)"
    for n in range(1, STEPS)
)
STOOD = ", ".join(
    f"percentile_disc(0.5) WITHIN GROUP (ORDER BY greatest(%(now)s - t{n}, '0'))"
    f" FILTER (WHERE reached = {n} AND NOT lost AND t{n} IS NOT NULL)"
    for n in range(STEPS)
)

CAME = f"""{COMPANIES}
SELECT recent, {{key}}, prospect_id IS NULL, reached, lost, coalesce(lost_reason, ''),
    coalesce(stood IN ('declined', 'dropped'), false), count(*), NULL::interval[],
    NULL::interval[]
FROM journey GROUP BY 1, 2, 3, 4, 5, 6, 7
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, ARRAY[{TOOK}], ARRAY[{STOOD}]
FROM journey WHERE recent
"""  # noqa: S608 - as above
"""One row for each sort of company, and one with the middle times."""

FOUND_SINCE = """
SELECT created_at >= %(wall_recent)s, {key}, status IN ('declined', 'dropped'), count(*)
FROM pipeline_prospect
WHERE merged_into_id IS NULL AND created_at >= %(wall_start)s AND {of}
GROUP BY 1, 2, 3
"""

KEYS = {
    "icp": "ideal_customer_id::text",
    "source": "CASE WHEN prospect_id IS NULL THEN 'came:' || came_by"
    " ELSE coalesce('source:' || source_id, 'hand') END",
    "variant": "variant::text",
}
"""What the companies are told apart by."""

FOUND_KEYS = {
    "icp": "ideal_customer_id::text",
    "source": "coalesce('source:' || source_id, 'hand')",
    "variant": "NULL::text",
}


ALONE = {None: "true", True: "prospect_id IS NULL", False: "prospect_id IS NOT NULL"}


@dataclass(frozen=True)
class Scope:
    """Which companies: of how many business days, of whom, told apart by what."""

    days: int | None = 30
    by: str = "icp"
    icp: int | None = None
    source: int | None = None
    alone: bool | None = None


@dataclass(frozen=True)
class Count:
    """So many companies of one sort that came so far and no further."""

    recent: bool
    key: str | None
    alone: bool
    reached: int
    lost: bool
    reason: str
    number: int


@dataclass(frozen=True)
class Middle:
    """By step: the middle time to get there, and of those who stand there, since when."""

    took: dict[int, dt.timedelta]
    stood: dict[int, dt.timedelta]


def read(scope: Scope) -> tuple[list[Count], Middle]:
    """Return how many came how far, in the days asked for and as many before; and how long it took.

    How long is said of the days asked for only.
    """
    found = _ask(FOUND_SINCE.replace("{key}", FOUND_KEYS[scope.by]), scope)
    untouched = {(recent, key, gone): number for recent, key, gone, number in found}
    counts, middle = [], Middle({}, {})
    for row in _ask(CAME.replace("{key}", KEYS[scope.by]), scope):
        recent, key, alone, reached, lost, reason, gone, number, took, stood = row
        if number is None:
            middle = Middle(_known(took, 1), _known(stood, 0))
            continue
        counts.append(Count(recent, key, alone, reached, lost, reason, number))
        sort = (recent, None if scope.by == "variant" else key, gone)
        if not alone and sort in untouched:
            untouched[sort] -= number
    if not scope.alone:
        counts += [
            Count(recent, key, False, FOUND, gone, "", number)
            for (recent, key, gone), number in untouched.items()
            if number > 0
        ]
    return counts, middle


def _known(values: list[dt.timedelta | None], first: int) -> dict[int, dt.timedelta]:
    return {n: value for n, value in enumerate(values, start=first) if value is not None}


def _ask(sql: str, scope: Scope) -> list[tuple[Any, ...]]:
    now = clock.now()
    anchor, factor = clock.scale()

    def wall(moment: dt.datetime) -> dt.datetime:
        return moment if moment <= anchor or factor == 1.0 else clock.wall_at(moment)

    long_ago = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
    span = dt.timedelta(days=scope.days or 0)
    recent = now - span if scope.days else long_ago
    start = now - 2 * span if scope.days else long_ago
    of, values = _of(scope)
    with connection.cursor() as cursor:
        cursor.execute(
            sql.replace("{where}", f"{of} AND {ALONE[scope.alone]}").replace("{of}", of),
            {
                "now": now,
                "anchor": anchor,
                "factor": factor,
                "start": start,
                "wall_start": wall(start),
                "wall_recent": wall(recent),
                **values,
            },
        )
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _of(scope: Scope) -> tuple[str, dict[str, int]]:
    parts, values = ["true"], {}
    if scope.icp is not None:
        parts.append("ideal_customer_id = %(icp)s")
        values["icp"] = scope.icp
    if scope.source is not None:
        parts.append("source_id = %(source)s")
        values["source"] = scope.source
    return " AND ".join(parts), values
