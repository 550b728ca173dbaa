"""Whether a company is known already: what that costs a candidate, however many prospects there
are."""

import time
from statistics import median

from django.db import connection

from agency import roles
from pipeline import prospects
from pipeline.finding import candidates
from pipeline.finding.candidates import Candidate
from pipeline.models import IdealCustomer

FILL = """
WITH made AS (
    INSERT INTO pipeline_prospect (id, world, name, domain, website, email, phone, linkedin,
        industry, place, country, timezone, description, ideal_customer_id, source_url, signals,
        reason, fit, status, drop_reason, created_at)
    SELECT uuidv7(), 'sandbox', 'Company ' || n, 'c' || n || '.example', '', '', '', '',
        'plumbing', 'Tucson, AZ', 'US', 'America/Phoenix', '', %s, '', '[]', '', n %% 100, 'new',
        '', now()
    FROM generate_series(%s, %s) AS n
    RETURNING id, domain
)
INSERT INTO pipeline_prospectkey (kind, value, prospect_id)
SELECT kind, CASE kind WHEN 'domain' THEN domain ELSE kind || ' ' || domain END, id
FROM made, unnest(ARRAY['domain', 'phone', 'email', 'name']) AS kind
"""

READING = 25
"""As many candidates as Scout judges in a run."""


def empty() -> None:
    """Begin anew, as the superuser may."""
    with roles.connect_admin(str(connection.settings_dict["NAME"])) as admin:
        admin.execute("TRUNCATE pipeline_prospect, pipeline_prospectkey CASCADE")


def fill(until: int, start: int = 1) -> None:
    """Have so many prospects, each told by four keys."""
    ideal, _ = IdealCustomer.objects.get_or_create(name="Bench")
    with connection.cursor() as cursor:
        cursor.execute(FILL, [ideal.pk, start, until])
    with roles.connect_admin(str(connection.settings_dict["NAME"])) as admin:
        admin.execute("VACUUM ANALYZE pipeline_prospect")
        admin.execute("VACUUM ANALYZE pipeline_prospectkey")


def milliseconds_a_prospect(rounds: int, among: int) -> float:
    """Return how long it takes to find out of one candidate whether it is known.

    Half of each reading is known, half is not.
    """
    took = []
    for turn in range(rounds + 1):
        asked = [
            _candidate((turn * READING + number) % among + 1 if number % 2 else -number - turn)
            for number in range(READING)
        ]
        began = time.perf_counter()
        found = prospects.known(key for each in asked for key in candidates.keys(each))
        took.append((time.perf_counter() - began) * 1000 / READING)
        if len(found) != READING // 2:
            raise RuntimeError(f"{len(found)} were known, and {READING // 2} should be")
    return median(took[1:])


def _candidate(number: int) -> Candidate:
    name = f"c{number}" if number > 0 else f"other{-number}"
    return Candidate(
        name=f"Bench {name}",
        website=f"https://{name}.example/",
        email=f"info@{name}.example",
        place="Tucson, AZ",
    )
