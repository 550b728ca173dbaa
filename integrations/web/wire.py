"""One GET at a time over a checked connection, with every hop of a redirect checked anew."""

import http.client
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import Message
from urllib.parse import urljoin

from integrations.errors import ServiceError
from integrations.web import hosts
from integrations.web.hosts import Line, Network, Target, WebRefused, World

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MOST_REDIRECTS = 5
CHUNK = 65_536


@dataclass(frozen=True)
class Answer:
    """What a server said to one GET."""

    target: Target
    status: int
    headers: Message
    body: bytes


def follow(
    url: str,
    *,
    world: World,
    network: Network,
    headers: Mapping[str, str],
    max_bytes: int,
    seconds: float,
    before: Callable[[Target], None],
    cut: bool = False,
) -> Answer:
    """Get `url` and where it redirects to; `before` is called, and may refuse, at each hop.

    `seconds` is for each hop, from looking its name up to its last byte. What is longer than
    `max_bytes`, unpacked, is refused, or cut off with `cut`. Raises ServiceError, WebRefused.
    """
    for _ in range(MOST_REDIRECTS + 1):
        wanted = hosts.target(url, world)
        before(wanted)
        answer = _get(wanted, world, network, headers, max_bytes, seconds, cut)
        where = answer.headers.get("Location", "")
        if answer.status not in REDIRECTS or not where:
            return answer
        try:
            url = urljoin(wanted.url, where.strip()).partition("#")[0]
        except ValueError as error:
            raise WebRefused(f"{wanted.host} redirects to no address: {error}") from None
    raise WebRefused(f"{wanted.host} redirects more than {MOST_REDIRECTS} times")


def _get(
    wanted: Target,
    world: World,
    network: Network,
    headers: Mapping[str, str],
    max_bytes: int,
    seconds: float,
    cut: bool,
) -> Answer:
    deadline = time.monotonic() + seconds
    line = hosts.dial(wanted, world, network, deadline)
    connection = http.client.HTTPConnection(wanted.host, wanted.port)
    connection.sock = line
    try:
        connection.request("GET", wanted.path, headers={**headers, "Host": wanted.netloc})
        with connection.getresponse() as response:
            # A redirect's body is of no use to anybody.
            wordless = response.status in REDIRECTS or response.status == 304
            body = b"" if wordless else _body(response, line, max_bytes, cut)
            return Answer(wanted, response.status, response.headers, body)
    except (OSError, http.client.HTTPException, zlib.error) as error:
        said = str(error) or type(error).__name__
        raise ServiceError(f"{wanted.host} did not answer: {said}", permanent=False) from error
    finally:
        line.end()


def _body(response: http.client.HTTPResponse, line: Line, max_bytes: int, cut: bool) -> bytes:
    """Read and unpack no more than `max_bytes`: a small body may unpack to a huge one."""
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip"):
        raise WebRefused(f"the answer is packed as {coding[:40]}, which nobody asked for")
    unpack = zlib.decompressobj(16 + zlib.MAX_WBITS) if coding.endswith("gzip") else None
    body = bytearray()
    while len(body) <= max_bytes:
        packed = response.read(CHUNK)
        if not packed:
            break
        room = max_bytes + 1 - len(body)
        body += unpack.decompress(packed, room) if unpack else packed
        if unpack is not None and unpack.eof:
            break
        if line.received > 2 * max_bytes + CHUNK:
            break
    if len(body) > max_bytes and not cut:
        raise WebRefused(f"the answer is longer than {max_bytes:,} bytes")
    return bytes(body[:max_bytes])
