"""The short form of `make chaos`: kills, a freeze, a restart, and then a count."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agency import embedded
from agency.settings import BASE_DIR

ACTIONS = ROWS = 150
PATIENCE_SECONDS = 600
HOURS = 3


@pytest.mark.alone
def test_nothing_is_lost_or_doubled_when_workers_and_servers_die(tmp_path: Path) -> None:
    out, log = tmp_path / "counts.json", tmp_path / "log"
    with log.open("wb") as output:
        process = embedded.spawn(
            (sys.executable, "-m", "chaos", "--quick", "--seeds", "7", "--out", str(out)),
            death_signal=signal.SIGTERM,
            output=output,
            cwd=BASE_DIR,
        )
        try:
            status = process.wait(PATIENCE_SECONDS)
        finally:
            embedded.stop(process)
    assert status == 0, log.read_text()
    (count,) = json.loads(out.read_text())
    assert (count["lost"], count["doubled"]) == (0, 0)
    assert count["done"] + count["unknown"] + count["asked"] == ACTIONS
    assert count["rows"] == ROWS


def test_a_skewed_process_sees_another_time_of_day_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "tell.py").write_text(
        "import datetime, time\n"
        "now = datetime.datetime.now(datetime.UTC)\n"
        "print(now.timestamp(), time.time(), time.monotonic(), isinstance(now, datetime.datetime))"
    )
    told = subprocess.run(
        [sys.executable, "-m", "chaos.skewed", str(HOURS * 3600), "tell"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(BASE_DIR), str(tmp_path)])},
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert told[3] == "True"
    hours = [(float(text) - time.time()) / 3600 for text in told[:2]]
    assert [round(number) for number in hours] == [HOURS, HOURS]
    assert float(told[2]) <= time.monotonic()
