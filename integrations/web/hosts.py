"""Which hosts may be asked at all, in which world a name lives, and dialling only what was checked.

Two worlds. Names under `.example` belong to nobody (RFC 2606); in the sandbox they lead to the
market's process, and to nothing else. In the real world every address a name leads to must be a
public one, and the connection goes to the address that was checked: it is looked up once.
"""

import functools
import io
import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlsplit

import idna
import tldextract
from django.conf import settings

from integrations.errors import ServiceError

World = Literal["sandbox", "real"]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

SANDBOX_TOP = "example"
SANDBOX_ADDRESS = "192.0.2.80"
"""Where every sandbox name leads: TEST-NET-1 (RFC 5737), which no real name may lead to."""

PORTS = {"http": 80, "https": 443}
LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
NUMERIC = re.compile(r"\d+|0x[0-9a-f]*")
NOT_IN_AN_ADDRESS = re.compile(r"[\x00-\x20\x7f\\]")
LONGEST = 2_000
# An IPv4 address in an IPv6 one: NAT64 (RFC 6052, RFC 8215), 6to4, Teredo.
TUNNELS = tuple(
    ipaddress.ip_network(net)
    for net in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")
)


class WebRefused(ServiceError):
    """This address is not fetched, now or later; the message says why."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)


@dataclass(frozen=True)
class Target:
    """An address on the web, taken apart and found fit to be asked."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def netloc(self) -> str:
        """The host as the Host header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.netloc}{self.path}"


@dataclass(frozen=True)
class Network:
    """What the guard stands between: looking a name up, and connecting to an address."""

    resolve: Callable[[str, int], list[str]]
    connect: Callable[[str, int, float], socket.socket]


def _resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _connect(address: str, port: int, seconds: float) -> socket.socket:
    return socket.create_connection((address, port), timeout=seconds)


INTERNET = Network(_resolve, _connect)


@functools.cache
def _suffixes() -> tldextract.TLDExtract:
    """Return the public suffixes as the package ships them; nothing is downloaded."""
    return tldextract.TLDExtract(
        suffix_list_urls=(),
        cache_dir=None,
        extra_suffixes=[SANDBOX_TOP],
        include_psl_private_domains=True,
    )


def registrable(host: str) -> str:
    """Return the part of a host, address or URL that somebody registered, or an empty string."""
    return _suffixes()(host.strip().lower()).top_domain_under_public_suffix


def host_of(url: str) -> str:
    """Return a URL's host in lower case, empty where it has none."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


def world_of(url: str) -> World:
    """Return in which world a URL, host or e-mail address lives, by its name alone."""
    host = host_of(url) if "//" in url else url.rpartition("@")[2].lower().rstrip(".")
    return "sandbox" if host.rpartition(".")[2] == SANDBOX_TOP else "real"


def target(url: str, world: World) -> Target:
    """Take a URL apart. Raises WebRefused unless its form is plain and its name of this world."""
    if len(url) > LONGEST or NOT_IN_AN_ADDRESS.search(url):
        raise WebRefused("the address is too long, or holds what no address does")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise WebRefused(f"{url} is no address: {error}") from None
    if parts.scheme not in PORTS:
        raise WebRefused(f"only http and https are fetched, not {parts.scheme or 'this'}")
    if "@" in parts.netloc:
        raise WebRefused("an address with a user name in it is not fetched")
    if port is not None and port not in PORTS.values():
        raise WebRefused(f"port {port} is not asked, only 80 and 443")
    host = _host(parts.hostname or "")
    if (world == "sandbox") != (world_of(host) == "sandbox"):
        raise WebRefused(f"{host} is not of the {world} world")
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    if parts.query:
        path += "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
    return Target(parts.scheme, host, port or PORTS[parts.scheme], path)


def _host(name: str) -> str:
    """Return a host as it goes over the wire. Raises WebRefused."""
    name = name.rstrip(".").lower()
    if ":" in name:
        return name.partition("%")[0]
    try:
        name = name if name.isascii() else idna.encode(name, uts46=True).decode()
    except idna.IDNAError as error:
        raise WebRefused(f"{name} is no host name: {error}") from None
    labels = name.split(".")
    if len(name) > 253 or not all(LABEL.fullmatch(label) for label in labels):
        raise WebRefused(f"{name or 'nothing'} is no host name")
    # Resolvers read 2130706433, 0x7f.1 and 127.1 as addresses too; only one form is let through.
    if NUMERIC.fullmatch(labels[-1]):
        try:
            ipaddress.IPv4Address(name)
        except ValueError:
            raise WebRefused(f"{name} is an address in disguise") from None
    return name


def checked(wanted: Target, world: World, network: Network) -> list[str]:
    """Look the host up, once, and return its addresses. Raises WebRefused if any is not public."""
    if world == "sandbox":
        return [SANDBOX_ADDRESS]
    try:
        found = network.resolve(wanted.host, wanted.port)
    except (OSError, UnicodeError) as error:
        raise ServiceError(f"{wanted.host} is not found: {error}", permanent=False) from None
    for text in found:
        if not is_public(text):
            raise WebRefused(f"{wanted.host} leads to {text}, which is not public")
    if not found:
        raise ServiceError(f"{wanted.host} has no address", permanent=False)
    return found


def is_public(text: str) -> bool:
    """Whether an address is one of the public internet, the one inside a mapped one included."""
    try:
        address: Address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        elif address.is_site_local or any(address in tunnel for tunnel in TUNNELS):
            return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified
    )


def dial(wanted: Target, world: World, network: Network, deadline: float) -> "Line":
    """Connect to what was just checked. Raises ServiceError; `deadline` is monotonic time."""
    trouble: OSError | None = None
    for address in checked(wanted, world, network):
        try:
            left = max(0.001, deadline - time.monotonic())
            if address == SANDBOX_ADDRESS:
                raw = network.connect("127.0.0.1", settings.SANDBOX_WEB_PORT, left)
            else:
                raw = network.connect(address, wanted.port, left)
        except OSError as error:
            trouble = error
            continue
        # Sandbox sites call themselves https, but the market speaks plainly.
        if wanted.scheme == "https" and world == "real":
            raw = _encrypted(raw, wanted.host, deadline)
        return Line(raw, deadline)
    raise ServiceError(f"{wanted.host} cannot be reached: {trouble}", permanent=False)


def _encrypted(raw: socket.socket, host: str, deadline: float) -> socket.socket:
    raw.settimeout(max(0.001, deadline - time.monotonic()))
    try:
        return ssl.create_default_context().wrap_socket(raw, server_hostname=host)
    except OSError as error:
        raw.close()
        certain = isinstance(error, ssl.SSLCertVerificationError)
        raise ServiceError(f"{host} does not prove who it is: {error}", permanent=certain) from None


class Line:
    """A connection that ends at its deadline, however slowly the other side drips."""

    def __init__(self, raw: socket.socket, deadline: float) -> None:
        self._raw = raw
        self._deadline = deadline
        self.received = 0

    def sendall(self, data: bytes) -> None:
        self._hurry()
        self._raw.sendall(data)

    def receive(self, buffer: memoryview) -> int:
        self._hurry()
        count = self._raw.recv_into(buffer)
        self.received += count
        return count

    def makefile(self, *_: object, **__: object) -> io.BufferedReader:
        """Return what http.client reads a response from."""
        return io.BufferedReader(_Reader(self))

    def close(self) -> None:
        """Stay open: http.client says so once it has the headers, and reads on."""

    def end(self) -> None:
        self._raw.close()

    def _hurry(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("it took too long")
        self._raw.settimeout(left)


class _Reader(io.RawIOBase):
    def __init__(self, line: Line) -> None:
        self._line = line

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return self._line.receive(buffer)
