"""Which agents are not well: their last runs of the day all failed."""

from django.contrib.postgres.fields import ArrayField
from django.db.models import TextField
from django.db.models.expressions import RawSQL

from agents import fleet

IN_A_ROW = 3

FAILING = """
ARRAY(
    SELECT agent FROM unnest(%s::varchar[]) AS _ (agent)
    CROSS JOIN LATERAL (
        SELECT count(*) AS ended, bool_and(status = 'failed') AS failed FROM (
            SELECT status FROM agents_run r
            WHERE r.agent = _.agent AND status IN ('completed', 'failed')
              AND started_at > now() - interval '1 day'
            ORDER BY started_at DESC LIMIT %s
        ) latest
    ) last
    WHERE last.ended = %s AND last.failed ORDER BY agent
)
"""


def failing() -> RawSQL:
    """Return the agents whose last three runs of 24 hours failed, as a part of another query."""
    names = sorted(fleet.all_agents())
    values = [names, IN_A_ROW, IN_A_ROW]
    return RawSQL(FAILING, values, output_field=ArrayField(TextField()))  # noqa: S611 - no text of others
