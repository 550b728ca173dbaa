"""How fast one address may post to a public page, and all together to a webhook endpoint."""

import functools
import hashlib
import itertools
import logging
import math
import time
from collections import Counter, defaultdict
from collections.abc import Sequence

import limits
import redis
from django.conf import settings
from limits import RateLimitItem
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter

from jobs.bodies import Refused

ALL_TOGETHER = 5
VALKEY_PAUSE_SECONDS = 5

Who = tuple[str, str]
"""A token and an address."""

log = logging.getLogger(__name__)


@functools.cache
def limiters() -> tuple[MovingWindowRateLimiter, MovingWindowRateLimiter]:
    """Return the one all processes share, in Valkey, and this process's own for when it is away."""
    pool = redis.ConnectionPool.from_url(
        settings.REDIS_URL, socket_timeout=0.1, socket_connect_timeout=0.1, retry=None
    )
    shared = RedisStorage(
        settings.REDIS_URL, connection_pool=pool, key_prefix="hooks", wrap_exceptions=True
    )
    return MovingWindowRateLimiter(shared), MovingWindowRateLimiter(MemoryStorage())


@functools.cache
def _rates(rate: str) -> tuple[RateLimitItem, RateLimitItem]:
    """Return the rate for one address, and for all together; so one cannot shut the others out."""
    one = limits.parse(rate)
    return one, type(one)(one.amount * ALL_TOGETHER, one.multiples)


valkey_away_until = 0.0


def check(posts: Sequence[Who]) -> list[Refused | None]:
    """Count these posts; return for each None, or why it is too many (429).

    Two round trips for each endpoint and address, not for each post.
    """
    refusals: defaultdict[Who, list[Refused]] = defaultdict(list)
    for who, count in Counter(posts).items():
        refusals[who] = _count(who, count)
    # The last ones of an address are those too many.
    found = [refusals[who].pop() if refusals[who] else None for who in reversed(posts)]
    return found[::-1]


def is_over(rate: RateLimitItem, *ids: str) -> bool:
    """Count one more; return whether it is more than the rate allows."""
    shared, own = limiters()
    try:
        return not shared.hit(rate, *ids)
    except StorageError:
        return not own.hit(rate, *ids)


def wait(rate: RateLimitItem, *ids: str) -> int:
    """Count one more; return 0, or in how many seconds it would not be more than allowed."""
    limiter, own = limiters()
    try:
        admitted = limiter.hit(rate, *ids)
    except StorageError:
        limiter = own
        admitted = own.hit(rate, *ids)
    if admitted:
        return 0
    return max(1, math.ceil(limiter.get_window_stats(rate, *ids).reset_time - time.time()))


def _count(who: Who, count: int) -> list[Refused]:
    """Return a refusal for each of `count` posts that is too many."""
    global valkey_away_until
    shared, own = limiters()
    if time.monotonic() > valkey_away_until:
        try:
            return _hit(shared, who, count)
        except StorageError as error:
            log.warning("webhook rates are counted in this process only: %s", error.storage_error)
            valkey_away_until = time.monotonic() + VALKEY_PAUSE_SECONDS
    return _hit(own, who, count)


def _hit(limiter: MovingWindowRateLimiter, who: Who, count: int) -> list[Refused]:
    token, address = who
    endpoint = hashlib.sha256(token.encode(errors="replace")).hexdigest()[:32]
    one, all_together = _rates(settings.LEAD_HOOK_RATE)
    refusals: list[Refused] = []
    for rate, ids in ((one, (endpoint, address)), (all_together, (endpoint,))):
        left = count - len(refusals)
        admitted = _admitted(limiter, rate, ids, left)
        if admitted < left:
            reset = limiter.get_window_stats(rate, *ids).reset_time
            refusals += [_too_many(reset) for _ in range(left - admitted)]
    return refusals


def _admitted(
    limiter: MovingWindowRateLimiter, rate: RateLimitItem, ids: tuple[str, ...], count: int
) -> int:
    """Count up to `count` posts; return how many the rate allows."""
    if count and limiter.hit(rate, *ids, cost=count):
        return count
    hits = (limiter.hit(rate, *ids) for _ in range(count))
    return len(list(itertools.takewhile(bool, hits)))


def _too_many(reset: float) -> Refused:
    seconds = max(1, math.ceil(reset - time.time()))
    return Refused(
        429,
        f"Too many deliveries; try again in {seconds} s.",
        headers={"Retry-After": str(seconds)},
    )
