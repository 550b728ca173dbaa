"""All web sites of the market on one port, told apart by the Host header."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from sandbox.checkout import api
from sandbox.checkout.api import Checkout
from sandbox.market import directory, news, overpass, sites
from sandbox.market.clock import Clock
from sandbox.market.sites import Answer
from sandbox.market.world import World

HOST = "127.0.0.1"
MAX_BODY = 256 * 1024
PATIENCE = 10.0


class Sites:
    """Every site there is, and the checkout; any thread may ask."""

    def __init__(self, world: World, clock: Clock, checkout: Checkout | None = None) -> None:
        self.world = world
        self.clock = clock
        self.checkout = checkout

    def respond(self, host: str, method: str, target: str, sent: "Sent") -> Answer:
        """Answer a request for a host, under `www.` as well."""
        parts = urlsplit(target)
        if self.checkout is not None and host.partition(":")[0].lower() in api.HOSTS:
            return self.checkout.respond(method, target, sent.headers, sent.body)
        host = host.partition(":")[0].lower().rstrip(".").removeprefix("www.")
        if host == news.HOST:
            return news.respond(self.world, self.clock, parts.path, sent.headers)
        if host == directory.HOST:
            return directory.respond(self.world, self.clock.day(), parts.path, parts.query)
        if host == overpass.HOST:
            return overpass.respond(self.world, self.clock, parts.path, parts.query, sent.body)
        company = self.world.by_domain.get(host)
        if company is None:
            return sites.plain(f"There is no {host} in this market.\n", 404)
        return sites.respond(company, method, parts.path)


class Sent:
    """Headers, their names in lower case, and body of a request."""

    def __init__(self, headers: dict[str, str], body: bytes = b"") -> None:
        self.headers = headers
        self.body = body


class Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "market"
    sys_version = ""
    timeout = PATIENCE
    sites: Sites

    def do_GET(self) -> None:
        self._answer()

    do_HEAD = do_GET

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY:
            self.close_connection = True
            return self._send(sites.plain("Too large.\n", 413))
        headers = {name.lower(): value for name, value in self.headers.items()}
        sent = Sent(headers, self.rfile.read(int(length)))
        host = headers.get("host", "")
        answer = self.sites.respond(host, self.command, self.path, sent)
        if answer.after:
            time.sleep(answer.after)
        self._send(answer)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a crawl would fill the console."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a visitor who hangs up."""


@contextmanager
def serving(found: Sites, port: int) -> Iterator[int]:
    """Serve the sites until the block ends; yield the port. Raises OSError when it is taken."""
    handler = type("Request", (Request,), {"sites": found})
    server = Server((HOST, port), handler)
    thread = threading.Thread(target=server.serve_forever, args=[0.2], daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
