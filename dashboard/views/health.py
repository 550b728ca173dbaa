"""Whether the process is up, and whether it can do its work."""

import functools

import redis
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

TIMEOUT_SECONDS = 0.5


@login_not_required
@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer: the process is up."""
    return JsonResponse({"status": "ok"})


@login_not_required
@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 when every part is there, else 503 naming the ones that are not."""
    parts = {"postgres": _postgres(), "valkey": _valkey()}
    ready = all(part == "ok" for part in parts.values())
    return JsonResponse(
        {"status": "ok" if ready else "unavailable", **parts}, status=200 if ready else 503
    )


def _postgres() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        if not _migrated():
            return "migrations are missing"
    except DatabaseError:
        return "cannot be reached"
    return "ok"


def _migrated() -> bool:
    return _seen_migrated() if _seen_migrated.cache_info().currsize else _look()


def _look() -> bool:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not missing:
        _seen_migrated()
    return not missing


@functools.cache
def _seen_migrated() -> bool:
    """Remember that nothing was missing: this process's code will not grow migrations."""
    return True


def _valkey() -> str:
    client = redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
    )
    try:
        client.ping()
    except redis.RedisError:
        return "cannot be reached"
    finally:
        client.close()
    return "ok"
