"""What stands around the stories: versions, alerts, a stopped client, the house's own jobs."""

import datetime as dt
import json
import random
from typing import Any

from django.contrib.auth.models import User
from django.db import connection

from agents import configs
from agents.models import AgentConfig
from agents.seed.people import SWITCH
from agents.seed.stories import DAYS, microseconds
from agents.seed.stories import uuid7 as uuid7_at
from control.models import Alert, KillSwitch
from jobs import registry
from jobs.lease import Lease
from jobs.models import Hold, Job, Lane

FILLER = "agents.seed_filler"


@registry.register(FILLER, lane=Lane.BULK, short=True)
def do_nothing(job: Job, lease: Lease) -> None:
    """Stand in the queue of a seeded house; do nothing when it is due."""


CONFIG = """
INSERT INTO agents_agentconfig (agent, version, settings, note, report, created_by, created_at)
SELECT agent, version + 1, settings || %s::jsonb, %s, '{}', %s, %s
FROM agents_agentconfig WHERE agent = %s ORDER BY version DESC LIMIT 1
"""
VERSIONS = (
    ({"prompt_note": "We are good at phones. Say so when calls are missed."}, "Phones first", 41),
    ({"review_from": 35}, "Look at a few more", 12),
)


def configs_of_the_fleet(now: dt.datetime, user: User) -> None:
    """Give the Qualifier two versions more, the older of them deployed."""
    name = "qualifier"
    if AgentConfig.objects.filter(agent=name, version__gt=1).exists():
        return
    configs.deployed(name)
    for number, (changes, note, days) in enumerate(VERSIONS):
        with connection.cursor() as cursor:
            at = now - dt.timedelta(days=days)
            cursor.execute(CONFIG, [json.dumps(changes), note, user.get_username(), at, name])
        if number == 0:
            configs.deploy(AgentConfig.objects.get(agent=name, version=2), by=user.get_username())


ALERTS = (
    ("discarded:agents.run:model", "A job gave up: agents.run", "the model failed: overloaded",
     "/jobs/?status=discarded&kind=agents.run", "warning"),
    ("failed:reply_to_lead", "Could not do: Reply to a lead",
     "550 5.1.1 the mailbox does not exist", "/approvals/", "warning"),
    ("trip:qualifier:token spike", "Qualifier used more than expected",
     "one run used 14,210 tokens; 6,000 are expected", "/agents/qualifier/", "critical"),
    ("slow:webhook", "Leads wait longer than promised",
     "three leads of the last hour had no draft after two minutes", "/leads/", "warning"),
    ("quiet:website", "No lead for nine hours", "The webhook “website” was never this quiet on a"
     " working day.", "/settings/#webhooks", "info"),
    ("spend:day", "80 % of the day’s budget is used", "$20.11 of $25.00 by 14:10",
     "/agents/", "warning"),
    ("reject:qualifier", "Four replies rejected in a row", "Look at what they have in common:"
     " a long subject line, taken over from the form as it was typed, without a limit to it, so"
     " that this very sentence may run over several lines.", "/agents/qualifier/", "info"),
)  # fmt: skip


def alerts(rng: random.Random, now: dt.datetime, count: int, still: int, user: User) -> None:
    """Make alerts of 90 days, the last few open. None of them is told to anybody again."""
    made = []
    for number in range(count):
        open_ = number >= count - still
        key, title, body, url, severity = (
            ALERTS[number - count + still] if open_ else rng.choice(ALERTS)
        )
        age = rng.uniform(0.2, 30) if open_ else rng.uniform(31, DAYS * 24)
        first = now - dt.timedelta(hours=age)
        last = first + (now - first) * rng.random() * (0.9 if open_ else 0.02)
        made.append(
            Alert(
                id=uuid7_at(microseconds(first) // 1000, rng),
                dedupe_key=f"seed:{key}",
                severity=severity,
                title=title,
                body=body,
                url=url,
                count=1 + int(rng.expovariate(0.4)),
                first_seen_at=first,
                last_seen_at=last,
                acknowledged_at=None if open_ else last + dt.timedelta(minutes=rng.uniform(1, 300)),
                acknowledged_by="" if open_ else user.get_username(),
                notified_count=1,
                count_when_told=1,
            )
        )
    Alert.objects.bulk_create(made, batch_size=1_000, ignore_conflicts=True)


ID = """
(lpad(to_hex((extract(epoch FROM {at}) * 1000)::bigint), 12, '0') || '7'
 || substr(md5({key}), 1, 3) || '8' || substr(md5({key}), 4, 15))::uuid
"""
HOUSEKEEPING = """
INSERT INTO jobs_archive (id, kind, payload, flow, subject_type, subject_id, tags, lane, short,
    priority, run_at, status, attempt, max_attempts, correlation_id, errors, created_at, started_at,
    finished_at)
SELECT {id}, (ARRAY['control.tidy', 'control.seal', 'control.notify_alerts', 'jobs.archive'])[
        1 + i %% 4], '{{}}', -1, '', '', '{{}}', CASE i %% 2 WHEN 0 THEN 'fast' ELSE 'bulk' END,
    i %% 4 IN (0, 2), 100, at, 'completed', 1, 5, {chain}, '[]', at,
    at + make_interval(secs => 0.002 + (i * 37 %% 400) / 1e4),
    at + make_interval(secs => 0.06 + (i * 61 %% 900) / 1e3)
FROM (SELECT i, %(now)s - interval '61 minutes'
    - make_interval(secs => i * %(span)s::float8 / %(count)s) AS at
    FROM generate_series(1, %(count)s) AS i) AS moments
"""
SCHEDULED = """
INSERT INTO jobs_job (id, kind, payload, client_id, flow, subject_type, subject_id, tags, lane,
    short, priority, run_at, status, attempt, max_attempts, fence, correlation_id, held_by, errors,
    created_at)
SELECT {id}, %(kind)s, jsonb_build_object('part', i), client, client, '', '',
    ARRAY['agent:qualifier', 'client:' || client], CASE WHEN i %% 5 = 0 THEN 'normal' ELSE 'bulk'
    END, true, 100, %(now)s + interval '3 days' + make_interval(secs => i * 40), 'scheduled', 0, 5,
    0, {chain}, '', '[]', at
FROM (SELECT i, %(now)s - make_interval(secs => i * %(span)s::float8 / %(count)s) AS at,
    (%(clients)s::bigint[])[1 + i %% cardinality(%(clients)s::bigint[])] AS client
    FROM generate_series(1, %(count)s) AS i) AS moments
"""
HELD = """
UPDATE jobs_job SET status = 'held', held_by = %(tag)s, run_at = created_at, client_id = %(client)s,
    flow = %(client)s, tags = ARRAY['agent:qualifier', %(tag)s]
WHERE kind = %(kind)s AND status = 'scheduled' AND (payload ->> 'part')::int <= %(count)s
"""
GIVEN_UP = """
INSERT INTO jobs_job (id, kind, payload, flow, subject_type, subject_id, tags, lane, short,
    priority, run_at, status, attempt, max_attempts, fence, correlation_id, held_by, errors,
    created_at, started_at, finished_at)
SELECT {id}, %(kind)s, '{{}}', 0, '', '', ARRAY['agent:qualifier'], 'normal', false, 100,
    CASE %(status)s WHEN 'retryable' THEN %(now)s + make_interval(mins => 10 + i * 3) ELSE at END,
    %(status)s, 4, 4, 4, {chain}, '', jsonb_build_array(jsonb_build_object('attempt', 4, 'at', at,
        'error', (%(errors)s::text[])[1 + i %% cardinality(%(errors)s::text[])])),
    at, at, CASE %(status)s WHEN 'retryable' THEN NULL ELSE at + interval '3 seconds' END
FROM (SELECT i, %(now)s - make_interval(secs => (i * i %% 977) * 2400 + i) AS at
    FROM generate_series(1, %(count)s) AS i) AS moments
"""
AGAIN = 4
ERRORS = [
    "ServiceError: the model failed: overloaded, try again later",
    "OperationalError: the connection was closed in the middle of a statement",
    "ServiceError: the mail server did not answer within 20 s",
    "MissingSubject: there is no lead 01a2190d-2c8f-736f-97de-8422a0735b97 any more",
    "ValidationError: 1 validation error for QualifyParams score: Input should be less than 100",
]


def jobs(rng: random.Random, now: dt.datetime, total: int, parked: int, clients: list[int]) -> int:
    """Add jobs until there are `total`; return how many there are. None of them does anything."""
    seed = str(rng.random())
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM jobs_job")
        have: int = cursor.fetchone()[0]
        cursor.execute("SELECT count(*) FROM jobs_archive")
        have += cursor.fetchone()[0]

        def insert(statement: str, key: str, count: int, **more: Any) -> None:
            names = {"key": f"'{seed}{key}:' || i", "at": "at"}
            text = statement.format(
                id=ID.format(**names), chain=ID.format(at="at", key=f"'{seed}{key}-' || i")
            )
            span = (DAYS - 2) * 86_400
            cursor.execute(text, {"now": now, "count": count, "span": span, **more})

        given_up = max(6, parked // 200)
        failed: dict[str, Any] = {"kind": "agents.replay", "errors": ERRORS}
        insert(SCHEDULED, "parked", parked, kind=FILLER, clients=clients)
        insert(GIVEN_UP, "discarded", given_up, status="discarded", **failed)
        insert(GIVEN_UP, "cancelled", given_up, status="cancelled", **failed)
        insert(GIVEN_UP, "retryable", AGAIN, status="retryable", kind=FILLER, errors=ERRORS)
        if parked > 1_000:
            stop(rng.choice(clients), parked // 6, now)
        have += parked + 2 * given_up + AGAIN
        house = max(0, total - have)
        insert(HOUSEKEEPING, "house", house)
    return have + house


def stop(client: int, count: int, now: dt.datetime) -> None:
    """Stop one client, with so many of the jobs waiting for that."""
    switch = KillSwitch(
        scope=KillSwitch.Scope.CLIENT,
        value=str(client),
        reason=SWITCH,
        engaged_by="operator",
        engaged_at=now - dt.timedelta(days=2, hours=3),
    )
    switch.save()
    Hold.objects.update_or_create(tag=switch.tag, defaults={"reason": SWITCH})
    with connection.cursor() as cursor:
        cursor.execute(HELD, {"tag": switch.tag, "client": client, "kind": FILLER, "count": count})


def archive_days(now: dt.datetime) -> None:
    """See that the archive has a partition for each day of the history."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT jobs_archive_partition((%s::timestamptz AT TIME ZONE 'UTC')::date - day)"
            " FROM generate_series(0, %s) AS day",
            [now, DAYS],
        )


TALLIES = """
INSERT INTO jobs_tally (minute, lane, kind, outcome, count, wait_seconds, run_seconds)
SELECT minute, lane, kind, 'completed', n, n * 0.004, n * 0.05
FROM (
    SELECT date_trunc('minute', %s::timestamptz) - make_interval(mins => i) AS minute, lane, kind,
        1 + abs(hashint4(i * 31 + length(kind))) %% most AS n
    FROM generate_series(1, 2000) AS i CROSS JOIN (VALUES
        ('fast', 'agents.run', 9), ('fast', 'pipeline.note_draft', 7),
        ('normal', 'agents.retrain', 3), ('bulk', 'jobs.archive', 4)) AS kinds (lane, kind, most)
) AS counted
ON CONFLICT DO NOTHING
"""


def tallies(rng: random.Random, now: dt.datetime) -> None:
    """Count what the lanes did in the last day and a half."""
    with connection.cursor() as cursor:
        cursor.execute(TALLIES, [now])
