"""The bench itself works: a small one measures everything there is a bar for."""

import json
import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings

WANTED = (
    *("jobs_noop_per_s", "celery_noop_per_s", "procrastinate_noop_per_s", "enqueue_bulk_per_s"),
    *("claim_ms_1k", "pickup_ms_p50", "pickup_backlog_ms_p99", "fair_wait_s", "memory_web_mb"),
    *("lead_to_draft_p99_s", "lead_to_draft_backlog_p99_s"),
    "cockpit_decision_ms_p95",
    "live_seen_ms_p95",
    "page_slowest_ms_p95",
    *("dedupe_few_ms", "dedupe_many_ms"),
    *("intake_per_s_2", "empty_view_per_s_2", "commit_per_s_2"),
)


def test_a_small_bench_measures_everything(tmp_path: Path) -> None:
    numbers = tmp_path / "results.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--smoke", "--to", str(numbers)],
        cwd=settings.BASE_DIR,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads(numbers.read_text())
    for name in WANTED:
        row = results[name]
        assert row["value"] > 0, name
        assert row["unit"] and row["runs"], name
