"""Fetching pages: only public ones, politely, within limits, and each world by itself."""

import gzip
import itertools
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

import pytest
from pytest_django import Settings

from integrations import web
from integrations.errors import ServiceError
from integrations.web import Network, WebRefused, hosts, manners
from tests.webserver import Reply, Web

PUBLIC = "93.184.216.34"


@dataclass
class Wires:
    """A network whose names the test says and whose every address leads to the test's server."""

    server: Web
    names: dict[str, list[str]] = field(default_factory=dict)
    dialled: list[str] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)

    def network(self) -> Network:
        return Network(self.resolve, self.connect)

    def resolve(self, host: str, port: int) -> list[str]:
        self.looked_up.append(host)
        is_address = ":" in host or host.replace(".", "").isdigit()
        return self.names.get(host, [host] if is_address else [PUBLIC])

    def connect(self, address: str, port: int, seconds: float) -> socket.socket:
        self.dialled.append(address)
        return socket.create_connection(("127.0.0.1", self.server.port), timeout=seconds)


@pytest.fixture
def wires(market: Web) -> Wires:
    return Wires(market)


def get(url: str, wires: Wires, **options: object) -> web.Page:
    return web.fetch(url, world="real", network=wires.network(), **options)  # type: ignore[arg-type]


def test_a_page_comes_with_its_text_and_where_it_was_found(wires: Wires) -> None:
    wires.server.put(
        "harbor.com/", "<p>Grüezi</p>".encode("cp1252"), kind="text/html; charset=cp1252"
    )
    wires.server.put("old.com/x?a=1", status=301, headers={"Location": "http://harbor.com/"})
    page = get("http://old.com/x?a=1#top", wires)
    assert (page.url, page.status, page.content_type) == ("http://harbor.com/", 200, "text/html")
    assert page.text == "<p>Grüezi</p>"
    assert wires.dialled == [PUBLIC] * 4  # two hosts, each asked for its robots.txt first
    asked = wires.server.headers[-1]
    assert asked["User-Agent"].startswith("CommandCenter/")
    assert "Cookie" not in asked and "Authorization" not in asked


def test_what_has_not_changed_is_not_sent_again(wires: Wires) -> None:
    def answer(request: BaseHTTPRequestHandler) -> Reply:
        same = request.headers["If-None-Match"] == '"1"' or request.headers["If-Modified-Since"]
        return Reply("" if same else "news", 304 if same else 200, headers={"ETag": '"1"'})

    wires.server.pages["harbor.com/feed"] = answer
    first = get("http://harbor.com/feed", wires)
    assert (first.etag, first.not_modified, first.text) == ('"1"', False, "news")
    again = get("http://harbor.com/feed", wires, etag=first.etag)
    assert again.not_modified and again.body == b""
    assert get("http://harbor.com/feed", wires, last_modified="yesterday").not_modified


INSIDE = [
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.3.4", "192.168.1.1"),  # noqa: S104
    *("169.254.169.254", "100.64.0.1", "192.0.2.80", "198.18.0.1", "224.0.0.1", "255.255.255.255"),
    *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "fec0::1"),
    *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "::127.0.0.1"),
    *("64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:7f00:1::"),
]


@pytest.mark.parametrize("address", INSIDE)
def test_a_name_that_leads_inside_is_refused_before_anybody_is_called(
    wires: Wires, address: str
) -> None:
    wires.names["inside.com"] = [address]
    wires.names["both.com"] = [PUBLIC, address]
    for name in ("inside.com", "both.com"):
        with pytest.raises(WebRefused, match="not public"):
            get(f"http://{name}/", wires)
    assert wires.dialled == []


@pytest.mark.parametrize("address", INSIDE)
def test_a_redirect_inside_is_refused_by_name_and_by_address(wires: Wires, address: str) -> None:
    host = f"[{address.partition('%')[0]}]" if ":" in address else address
    wires.names["inside.com"] = [address]
    for number, where in enumerate((f"http://{host}/", "http://inside.com/")):
        wires.server.put(f"open.com/{number}", status=302, headers={"Location": where})
        with pytest.raises(WebRefused, match="not public"):
            get(f"http://open.com/{number}", wires)
    assert set(wires.dialled) == {PUBLIC}
    assert all(asked.startswith("open.com/") for asked in wires.server.asked)


def test_a_name_that_changes_its_answer_gains_nothing(wires: Wires) -> None:
    """DNS rebinding: what is looked up is checked, and what is checked is what is called."""
    answers = itertools.chain([[PUBLIC], [PUBLIC]], itertools.repeat(["127.0.0.1"]))

    def resolve(host: str, port: int) -> list[str]:
        wires.looked_up.append(host)
        return next(answers)

    network = Network(resolve, wires.connect)
    wires.server.put("rebind.com/", "public")
    assert web.fetch("http://rebind.com/", world="real", network=network).text == "public"
    assert (len(wires.looked_up), wires.dialled) == (2, [PUBLIC, PUBLIC])
    with pytest.raises(WebRefused, match=r"127\.0\.0\.1"):
        web.fetch("http://rebind.com/", world="real", network=network)
    assert wires.dialled == [PUBLIC, PUBLIC]


def test_a_name_that_changes_its_answer_between_two_redirects_is_refused(wires: Wires) -> None:
    answers = itertools.chain([[PUBLIC]] * 2, itertools.repeat(["169.254.169.254"]))
    network = Network(lambda host, port: next(answers), wires.connect)
    wires.server.put("rebind.com/", status=302, headers={"Location": "/latest/meta-data"})
    with pytest.raises(WebRefused, match=r"169\.254\.169\.254"):
        web.fetch("http://rebind.com/", world="real", network=network)
    assert wires.server.asked == ["rebind.com/robots.txt", "rebind.com/"]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://2130706433/", "in disguise"),
        ("http://0x7f000001/", "in disguise"),
        ("http://0x7f.1/", "in disguise"),
        ("http://127.1/", "in disguise"),
        ("http://0177.0.0.1/", "in disguise"),
        ("http://127.0.0.1./", "not public"),
        ("http://\uff11\uff12\uff17.0.0.1/", "not public"),
        ("http://[::1]/", "not public"),
        ("http://[fe80::1%25eth0]/", "not public"),
        ("http://user@harbor.com/", "user name"),
        ("http://harbor.com@127.0.0.1/", "user name"),
        ("http://user:word@harbor.com/", "user name"),
        ("http://harbor.com:22/", "port 22"),
        ("http://harbor.com:8080/", "port 8080"),
        ("http://harbor.com:99999/", "no address"),
        ("ftp://harbor.com/", "only http"),
        ("file:///etc/passwd", "only http"),
        ("gopher://harbor.com/", "only http"),
        ("javascript:alert(1)", "only http"),
        ("//harbor.com/", "only http"),
        ("http:///", "no host name"),
        ("http://ha rbor.com/", "what no address does"),
        ("http://harbor.com\\@127.0.0.1/", "what no address does"),
        ("http://harbor.com/\r\nHost: x", "what no address does"),
        ("http://harbor..com/", "no host name"),
        ("http://-.com/", "no host name"),
        ("http://[::1/", "no address"),
        ("http://" + "a" * 3_000, "too long"),
    ],
)
def test_what_is_no_plain_public_address_is_refused(wires: Wires, url: str, why: str) -> None:
    with pytest.raises(WebRefused, match=why):
        get(url, wires)
    wires.server.put("open.com/", status=302, headers={"Location": "http://127.0.0.1:22/"})
    with pytest.raises(WebRefused, match="port 22"):
        get("http://open.com/", wires)
    assert set(wires.dialled) <= {PUBLIC}


def test_localhost_is_refused_by_the_real_resolver(market: Web) -> None:
    with pytest.raises(WebRefused, match="not public"):
        web.fetch("http://localhost/", world="real")
    assert market.asked == []


def test_redirects_end(wires: Wires) -> None:
    wires.server.put("loop.com/", status=302, headers={"Location": "/"})
    with pytest.raises(WebRefused, match="more than 5 times"):
        get("http://loop.com/", wires)


# The two worlds


@pytest.mark.django_db
@pytest.mark.parametrize("where", ["http://[", "//[::1", "http://a.com:x/"])
def test_a_redirect_to_no_address_is_refused(wires: Wires, where: str) -> None:
    wires.server.put("a.com/", status=302, headers={"Location": where})
    with pytest.raises(WebRefused):
        get("http://a.com/", wires)


def test_sandbox_names_lead_to_the_market_whatever_their_scheme(market: Web) -> None:
    market.put("harbor.example/", "harbor")
    for url in ("http://harbor.example/", "https://harbor.example/"):
        assert web.fetch(url, world="sandbox").text == "harbor"


@pytest.mark.django_db
def test_a_sandbox_row_never_reaches_the_world(wires: Wires) -> None:
    wires.server.put("harbor.example/", status=302, headers={"Location": "http://real.com/"})
    for url in ("http://real.com/", "http://93.184.216.34/", "http://127.0.0.1/"):
        with pytest.raises(WebRefused, match="not of the sandbox world"):
            web.fetch(url, world="sandbox", network=wires.network())
    with pytest.raises(WebRefused, match=r"real\.com is not of the sandbox world"):
        web.fetch("http://harbor.example/", world="sandbox", network=wires.network())
    assert wires.looked_up == []
    assert set(wires.dialled) == {"127.0.0.1"}  # the market, by its own seam


def test_a_real_row_never_reaches_the_sandbox(wires: Wires) -> None:
    wires.names["sneaky.com"] = [hosts.SANDBOX_ADDRESS]
    wires.server.put("real.com/", status=302, headers={"Location": "http://harbor.example/"})
    for url in ("http://harbor.example/", "http://harbor.example./", "http://HARBOR.EXAMPLE/"):
        with pytest.raises(WebRefused, match="not of the real world"):
            get(url, wires)
    with pytest.raises(WebRefused, match="not of the real world"):
        get("http://real.com/", wires)
    with pytest.raises(WebRefused, match="not public"):
        get("http://sneaky.com/", wires)
    assert set(wires.dialled) == {PUBLIC}


@pytest.mark.parametrize(
    ("name", "world", "registered"),
    [
        ("https://www.harbor.example/x", "sandbox", "harbor.example"),
        ("dana@harbor.example", "sandbox", "harbor.example"),
        ("example", "sandbox", ""),
        ("https://harbor.example.com/", "real", "example.com"),
        ("www.harbor.co.uk", "real", "harbor.co.uk"),
        ("https://joes.github.io/", "real", "joes.github.io"),
        ("http://127.0.0.1/", "real", ""),
        ("http://[", "real", ""),
    ],
)
def test_a_name_says_its_world_and_who_registered_it(
    name: str, world: str, registered: str
) -> None:
    assert web.world_of(name) == world
    assert web.registrable(name) == registered


# Manners


def test_robots_txt_is_obeyed_at_every_hop(wires: Wires) -> None:
    wires.server.put("harbor.com/robots.txt", "User-agent: CommandCenter\nDisallow: /private\n")
    wires.server.put("harbor.com/", "open")
    wires.server.put("open.com/", status=302, headers={"Location": "http://harbor.com/private/1"})
    assert get("http://harbor.com/", wires).text == "open"
    for url in ("http://harbor.com/private/1", "http://open.com/"):
        with pytest.raises(WebRefused, match=r"does not want /private/1 to be read"):
            get(url, wires)
    assert "harbor.com/private/1" not in wires.server.asked
    assert wires.server.asked.count("harbor.com/robots.txt") == 1  # it is remembered


@pytest.mark.parametrize("host", ["www.linkedin.com", "de.linkedin.com", "lnkd.in"])
def test_linkedin_is_not_even_asked_for_its_robots_txt(wires: Wires, host: str) -> None:
    wires.server.put(f"{host}/company/harbor", "<p>Harbor Plumbing</p>")
    wires.server.put("open.com/", status=302, headers={"Location": f"http://{host}/company/harbor"})
    for url in (f"http://{host}/company/harbor", "http://open.com/"):
        with pytest.raises(WebRefused, match="never read by machines"):
            get(url, wires)
    assert not [asked for asked in wires.server.asked if asked.startswith(host)]


@pytest.mark.parametrize(
    ("status", "allowed"), [(404, True), (403, True), (500, False), (503, False)]
)
def test_a_host_without_rules_has_none_and_one_that_cannot_say_is_left_alone(
    wires: Wires, status: int, allowed: bool
) -> None:
    wires.server.put("harbor.com/robots.txt", "Disallow: /", status=status)
    wires.server.put("harbor.com/", "open")
    if allowed:
        assert get("http://harbor.com/", wires).text == "open"
    else:
        with pytest.raises(WebRefused, match="robots"):
            get("http://harbor.com/", wires)


def test_a_robots_txt_that_leads_inside_forbids_everything(wires: Wires) -> None:
    wires.server.put("harbor.com/robots.txt", status=301, headers={"Location": "http://10.0.0.1/"})
    with pytest.raises(WebRefused, match="robots"):
        get("http://harbor.com/", wires)
    assert set(wires.dialled) == {PUBLIC}


def test_a_host_is_left_alone_between_two_requests(
    wires: Wires, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(manners.PAUSE_SECONDS, "real", 0.05)
    for number in range(4):
        wires.server.put(f"harbor.com/{number}", "open")
    threads = [
        threading.Thread(target=get, args=(f"http://harbor.com/{number}", wires))
        for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times = sorted(wires.server.times)
    assert all(b - a > 0.03 for a, b in itertools.pairwise(times))


def test_without_valkey_a_process_still_minds_its_manners(
    wires: Wires, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    manners._valkey.cache_clear()
    try:
        wires.server.put("harbor.com/robots.txt", "User-agent: *\nCrawl-delay: 0.05\n")
        wires.server.put("harbor.com/", "open")
        assert [get("http://harbor.com/", wires).text for _ in range(2)] == ["open"] * 2
        pages = [
            at
            for at, asked in zip(wires.server.times, wires.server.asked, strict=True)
            if asked == "harbor.com/"
        ]
        assert pages[1] - pages[0] > 0.04
    finally:
        manners._valkey.cache_clear()


# Limits


def refused(wires: Wires, **options: object) -> Callable[[Reply], str]:
    def ask(reply: Reply) -> str:
        wires.server.pages["harbor.com/"] = reply
        with pytest.raises(ServiceError) as caught:
            get("http://harbor.com/", wires, **options)
        return str(caught.value)

    return ask


def test_a_page_is_cut_at_its_size_packed_or_not(wires: Wires) -> None:
    ask = refused(wires, max_bytes=10_000)
    assert "longer than 10,000 bytes" in ask(Reply("x" * 10_001))
    bomb = gzip.compress(b"\0" * 50_000_000)
    assert len(bomb) < 100_000
    packed = {"Content-Encoding": "gzip"}
    assert "longer than 10,000 bytes" in ask(Reply(bomb, headers=packed))
    assert "nobody asked for" in ask(Reply("x", headers={"Content-Encoding": "br"}))
    assert "did not answer" in ask(Reply("not gzip", headers=packed))
    wires.server.put("harbor.com/", gzip.compress(b"whole"), headers=packed)
    assert get("http://harbor.com/", wires, max_bytes=10_000).text == "whole"


def test_a_slow_drip_ends_at_the_deadline(wires: Wires) -> None:
    began = time.monotonic()
    said = refused(wires, seconds=0.3)(Reply("x" * 1_000, drip=0.01))
    assert "took too long" in said or "timed out" in said
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("status", "permanent"), [(404, True), (410, True), (429, False), (502, False)]
)
def test_a_failure_says_whether_asking_again_can_help(
    wires: Wires, status: int, permanent: bool
) -> None:
    wires.server.put("harbor.com/", status=status)
    with pytest.raises(ServiceError, match=f"answered {status}") as caught:
        get("http://harbor.com/", wires)
    assert caught.value.permanent is permanent


def test_only_the_kinds_asked_for_are_read(wires: Wires) -> None:
    assert "which is not read" in refused(wires)(Reply("x", kind="application/pdf"))
    wires.server.put("harbor.com/", "{}", kind="application/json")
    assert get("http://harbor.com/", wires, accept=web.JSON).text == "{}"


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ("text/html", b"<meta charset=iso-8859-1>\xe9", "<meta charset=iso-8859-1>é"),
        ("text/html; charset=nonsense", "é".encode(), "é"),
        ("text/html; charset=punycode", "é".encode(), "é"),
        ("text/html; charset=utf-7", b"+2AA-", "+2AA-"),
        ("text/html", b"a\x00b\xff", "ab\ufffd"),
    ],
)
def test_text_is_read_by_its_charset_and_can_always_be_kept(
    wires: Wires, kind: str, body: bytes, text: str
) -> None:
    wires.server.put("harbor.com/", body, kind=kind)
    assert get("http://harbor.com/", wires).text == text


def test_who_cannot_be_reached_may_be_later(market: Web) -> None:
    def nowhere(host: str, port: int) -> list[str]:
        raise socket.gaierror("Name or service not known")

    def closed(address: str, port: int, seconds: float) -> socket.socket:
        raise ConnectionRefusedError("refused")

    for network in (Network(nowhere, closed), Network(lambda host, port: [PUBLIC], closed)):
        with pytest.raises(ServiceError) as caught:
            web.fetch("http://gone.com/", world="real", network=network)
        assert not caught.value.permanent
