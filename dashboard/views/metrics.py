"""/metrics for Prometheus, read from rows: any process answers for the whole house."""

import functools
import hmac
import platform
import tomllib
from collections import Counter
from collections.abc import Iterator

import django
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from control.models import Alert, KillSwitch
from dashboard.deciding import cockpit
from jobs import tally
from jobs.models import Depth, Job, Lane, Worker

DEPTHS = (
    Job.Status.AVAILABLE,
    Job.Status.SCHEDULED,
    Job.Status.RETRYABLE,
    Job.Status.RUNNING,
    Job.Status.HELD,
)


@login_not_required
@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer in the text format 0.0.4, to a bearer of the token or a logged-in operator."""
    if not (_has_token(request) or request.user.is_authenticated):
        return HttpResponse(status=401, headers={"WWW-Authenticate": 'Bearer realm="metrics"'})
    registry = CollectorRegistry()
    registry.register(House())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _has_token(request: HttpRequest) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    wanted = settings.METRICS_TOKEN
    given = token.strip().encode()
    return (
        bool(wanted) and scheme.lower() == "bearer" and hmac.compare_digest(given, wanted.encode())
    )


class House(Collector):
    """Reads every metric when it is asked for: nothing is kept in this process."""

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics; a query each, however many jobs there are."""
        yield from _lanes()
        yield from _finished()
        yield _workers()
        yield from _control()
        yield InfoMetricFamily("command_center_build", "What runs here.", _build())

    def describe(self) -> list[Metric]:
        """Return nothing, so that registering does not read the database."""
        return []


def _lanes() -> Iterator[Metric]:
    depth = GaugeMetricFamily(
        "jobs_lane_depth", "Jobs by lane and status, as counted last.", labels=["lane", "status"]
    )
    oldest = GaugeMetricFamily(
        "jobs_lane_oldest_seconds",
        "How long the longest waiting of the jobs next in turn has waited.",
        labels=["lane"],
    )
    counted = GaugeMetricFamily("jobs_depth_age_seconds", "How old the counts are.")
    rows = {(row.lane, row.status): row for row in Depth.objects.all()}
    now = timezone.now()
    for lane in Lane.values:
        for status in DEPTHS:
            row = rows.get((lane, status))
            depth.add_metric([lane, status], row.count if row else 0)
        first = rows.get((lane, Job.Status.AVAILABLE))
        waits = (now - first.oldest_at).total_seconds() if first and first.oldest_at else 0.0
        oldest.add_metric([lane], max(0.0, waits))
    if rows:
        measured = min(row.measured_at for row in rows.values())
        counted.add_metric([], (now - measured).total_seconds())
    yield from (depth, oldest, counted)


def _finished() -> Iterator[Metric]:
    labels = ["lane", "kind", "outcome"]
    finished = CounterMetricFamily("jobs_finished", "Jobs that ended, by outcome.", labels=labels)
    wait = SummaryMetricFamily("jobs_wait_seconds", "From due to started.", labels=labels)
    run = SummaryMetricFamily("jobs_run_seconds", "From started to ended.", labels=labels)
    for key, (count, waited, ran) in sorted(tally.totals().items()):
        finished.add_metric(key, count)
        wait.add_metric(key, count, waited)
        run.add_metric(key, count, ran)
    yield from (finished, wait, run)


def _workers() -> Metric:
    found = GaugeMetricFamily(
        "jobs_workers", "Workers at work, and those gone of the last day.", labels=["state"]
    )
    states = Counter(
        "stopped" if stopped_at else "lost" if lost_at else "alive"
        for stopped_at, lost_at in Worker.objects.values_list("stopped_at", "lost_at")
    )
    for state in ("alive", "lost", "stopped"):
        found.add_metric([state], states[state])
    return found


def _control() -> Iterator[Metric]:
    alerts = GaugeMetricFamily(
        "alerts_open", "Alerts nobody has acknowledged.", labels=["severity"]
    )
    unacknowledged = Alert.objects.filter(acknowledged_at=None)
    open_ = Counter(unacknowledged.values_list("severity", flat=True))
    for severity in Alert.Severity.values:
        alerts.add_metric([severity], open_[severity])
    yield alerts
    waiting = cockpit.waiting().count()
    yield GaugeMetricFamily("approvals_waiting", "Actions that wait for a person.", waiting)
    engaged = KillSwitch.objects.filter(released_at=None).count()
    yield GaugeMetricFamily("switches_engaged", "Kill switches that are engaged.", engaged)


@functools.cache
def _build() -> dict[str, str]:
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]
    return {
        "version": project["version"],
        "python": platform.python_version(),
        "django": django.get_version(),
    }
