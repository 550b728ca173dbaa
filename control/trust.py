"""Earned trust: how the operator decided on what an agent asked for, by kind of action.

An agent that lost a promotion earns it anew: what it asked before that no longer counts.
"""

import datetime as dt
import json
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import connection

from control.models import Promotion

THRESHOLD = 90
"""From this lower bound on, in percent, a kind has earned to run by itself."""

NEWEST = 200
"""Of each agent the newest so many proposals it asked about count."""

CONFIDENCE = 1.96
"""z of a two-sided 95 % interval."""

# Lateral, so that decisions are looked up one by one and their table is never read whole.
READ = """
SELECT asked.agent, asked.kind, count(*), count(*) FILTER (
    WHERE asked.status NOT IN ('rejected', 'revise') AND NOT said.edited), NULL::jsonb
FROM unnest(%(agents)s::varchar[]) AS name CROSS JOIN LATERAL (
    SELECT id, agent, kind, status, created_at FROM control_action
    WHERE agent = name AND level <> 'auto' AND (%(kind)s = '' OR kind = %(kind)s)
    ORDER BY created_at DESC LIMIT %(newest)s
) asked CROSS JOIN LATERAL (
    SELECT bool_or(verdict = 'edit') AS edited,
        bool_or(user_id IS NOT NULL AND voided_at IS NULL
            AND verdict IN ('approve', 'reject', 'send_back')) AS decided
    FROM control_decision WHERE action_id = asked.id
) said LEFT JOIN (
    SELECT agent, kind, max(ended_at) AS at FROM control_promotion
    WHERE ended_at IS NOT NULL GROUP BY agent, kind
) lost ON lost.agent = asked.agent AND lost.kind = asked.kind
WHERE (lost.at IS NULL OR asked.created_at > lost.at)
    AND asked.status NOT IN ('waiting', 'held', 'unknown') AND said.decided
GROUP BY asked.agent, asked.kind
UNION ALL
SELECT agent, kind, 0, 0, to_jsonb(control_promotion) FROM control_promotion
WHERE ended_at IS NULL AND agent = ANY(%(agents)s) AND (%(kind)s = '' OR kind = %(kind)s)
"""


@dataclass(frozen=True)
class Trust:
    """How often the operator let an agent's actions through as they were, and what came of it."""

    unedited: int = 0
    decided: int = 0
    promotion: Promotion | None = field(default=None, compare=False)

    def __add__(self, other: "Trust") -> "Trust":
        return Trust(
            self.unedited + other.unedited,
            self.decided + other.decided,
            self.promotion or other.promotion,
        )

    @property
    def share(self) -> float | None:
        """Approved as they were, of all that were decided."""
        return self.unedited / self.decided if self.decided else None

    @property
    def lower_bound(self) -> int:
        """The lower end of the 95 % Wilson score interval, in percent (Wilson 1927)."""
        n, z = self.decided, CONFIDENCE
        if not n:
            return 0
        p = self.unedited / n
        centre = p + z * z / (2 * n)
        spread = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return math.floor(100 * (centre - spread) / (1 + z * z / n))

    @property
    def earned(self) -> bool:
        """Whether it is trusted enough to be let run."""
        return self.lower_bound >= THRESHOLD

    @property
    def to_go(self) -> int:
        """How many more approvals in a row, unedited, earn it."""
        more = 0
        while not Trust(self.unedited + more, self.decided + more).earned:
            more = more * 2 or 1
        low = more // 2
        while low + 1 < more:
            middle = (low + more) // 2
            if Trust(self.unedited + middle, self.decided + middle).earned:
                more = middle
            else:
                low = middle
        return more


def of(agent: str, kind: str) -> Trust:
    """Return how an agent's newest actions of one kind fared with the operator."""
    return read([agent], kind)[agent].get(kind, Trust())


def read(agents: Iterable[str], kind: str = "") -> dict[str, dict[str, Trust]]:
    """Return, by agent and kind, how the newest of what they asked for was decided."""
    with connection.cursor() as cursor:
        cursor.execute(READ, {"agents": list(agents), "kind": kind, "newest": NEWEST})
        rows = cursor.fetchall()
    found: dict[str, dict[str, Trust]] = defaultdict(dict)
    for agent, name, decided, unedited, given in rows:
        so_far = found[agent].get(name, Trust())
        found[agent][name] = so_far + Trust(unedited, decided, _promotion(given))
    return found


def _promotion(row: str | None) -> Promotion | None:
    if row is None:
        return None
    fields = json.loads(row)
    return Promotion(**fields | {"at": dt.datetime.fromisoformat(fields["at"])})
