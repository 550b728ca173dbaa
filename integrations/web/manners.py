"""Good manners on other people's servers: robots.txt is obeyed, and nobody is asked too often.

Both are kept in Valkey, so that all processes share them; without it each process minds its own.
"""

import functools
import logging
import threading
import time

import redis
from django.conf import settings
from protego import Protego

from agency import clock
from integrations.errors import ServiceError
from integrations.web import wire
from integrations.web.hosts import Network, Target, WebRefused, World, registrable

NAME = "CommandCenter"
"""What robots.txt files may call us."""

NEVER_READ = frozenset({"linkedin.com", "linkedin.example", "lnkd.in"})
"""LinkedIn is not read by machines; what it knows comes in as an export of the operator's own."""

PAUSE_SECONDS = {"real": 1.0, "sandbox": 0.02}
LONGEST_PAUSE = 30.0
LONGEST_WAIT = 60.0
ROBOTS_BYTES = 500 * 1024  # RFC 9309, section 2.5
ROBOTS_SECONDS = 10.0
KEPT_SECONDS = 3600
KEPT_SECONDS_WHEN_DOWN = 120
NOBODY = "User-agent: *\nDisallow: /\n"
ANYBODY = ""

log = logging.getLogger(__name__)
_lock = threading.Lock()
_free_at: dict[str, float] = {}


@functools.cache
def _valkey() -> "redis.Redis":
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.1, retry=None
    )


def agent() -> str:
    """Return how we present ourselves, with an address that says who we are."""
    return f"{NAME}/1.0 (+{settings.PUBLIC_URL})"


def ask(wanted: Target, world: World, network: Network) -> None:
    """Wait for our turn at this host. Raises WebRefused if it is not to be read by machines."""
    if is_never_read(wanted.host):
        raise WebRefused(f"{wanted.host} is never read by machines")
    rules = _rules(wanted, world, network)
    if not rules.can_fetch(wanted.url, NAME):
        raise WebRefused(f"{wanted.host} does not want {wanted.path} to be read (robots.txt)")
    pause = PAUSE_SECONDS[world]
    wished = rules.crawl_delay(NAME)
    if wished:
        pause = max(pause, min(float(wished), LONGEST_PAUSE) / clock_speed(world))
    take_turn(wanted.netloc, pause)


def is_never_read(host: str) -> bool:
    """Whether nothing there is fetched, whatever its robots.txt says."""
    return registrable(host) in NEVER_READ


def clock_speed(world: World) -> float:
    """Return how many seconds of this world pass in one of ours."""
    return clock.speed() if world == "sandbox" else 1.0


def _rules(wanted: Target, world: World, network: Network) -> Protego:
    root = f"{wanted.scheme}://{wanted.netloc}"
    key = f"web:robots:{world}:{root}"
    text = _kept(key)
    if text is None:
        text, seconds = _read_robots(root, world, network)
        _keep(key, text, seconds)
    return Protego.parse(text)


def _read_robots(root: str, world: World, network: Network) -> tuple[str, int]:
    """Return a host's rules and how long they hold (RFC 9309, section 2.3.1).

    A host without the file has none; one that cannot say is left alone for a while.
    """
    hops: list[Target] = []

    def before(hop: Target) -> None:
        hops.append(hop)
        take_turn(hop.netloc, PAUSE_SECONDS[world])

    try:
        answer = wire.follow(
            f"{root}/robots.txt",
            world=world,
            network=network,
            headers={"User-Agent": agent(), "Accept": "text/plain", "Accept-Encoding": "gzip"},
            max_bytes=ROBOTS_BYTES,
            seconds=ROBOTS_SECONDS,
            before=before,
            cut=True,
        )
    except WebRefused as refusal:
        if len(hops) == 1:
            raise  # not its rules are what is wrong with this host
        log.info("the robots.txt of %s leads astray: %s", root, refusal)
        return NOBODY, KEPT_SECONDS_WHEN_DOWN
    if answer.status < 300:
        return answer.body.decode(errors="replace"), KEPT_SECONDS
    if answer.status < 500 and answer.status != 429:
        return ANYBODY, KEPT_SECONDS
    return NOBODY, KEPT_SECONDS_WHEN_DOWN


def take_turn(host: str, pause: float) -> None:
    """Wait until this host was left alone for `pause` seconds. Raises ServiceError."""
    until = time.monotonic() + LONGEST_WAIT
    while left := _claim(host, pause):
        if time.monotonic() + left > until:
            raise ServiceError(f"{host} is asked too often; later", permanent=False)
        time.sleep(left)


def _claim(host: str, pause: float) -> float:
    """Take the next turn at a host, or return in how many seconds to ask again."""
    key = f"web:turn:{host}"
    try:
        if _valkey().set(key, 1, nx=True, px=max(1, round(pause * 1000))):
            return 0.0
        left = _valkey().pttl(key)
    except (redis.RedisError, OSError):
        return _claim_here(host, pause)
    return max(0.001, int(left) / 1000)


def _claim_here(host: str, pause: float) -> float:
    now = time.monotonic()
    with _lock:
        left = _free_at.get(host, now) - now
        if left > 0:
            return left
        _free_at[host] = now + pause
        return 0.0


def _kept(key: str) -> str | None:
    try:
        found = _valkey().get(key)
    except (redis.RedisError, OSError):
        return None
    return found.decode() if isinstance(found, bytes) else None


def _keep(key: str, text: str, seconds: int) -> None:
    try:
        _valkey().set(key, text, ex=seconds)
    except (redis.RedisError, OSError) as error:
        log.warning("robots.txt is not remembered: %s", error)
