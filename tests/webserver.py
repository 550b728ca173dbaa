"""A real HTTP server for tests, which answers by host and path and keeps what it was asked."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Reply:
    """How a page is answered. With `drip` its bytes come one by one, so many seconds apart."""

    body: bytes | str = ""
    status: int = 200
    kind: str = "text/html; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    drip: float = 0.0


@dataclass
class Web:
    """Pages by `host/path`; what is not there is answered with 404."""

    port: int = 0
    pages: dict[str, Reply | Callable[[BaseHTTPRequestHandler], Reply]] = field(
        default_factory=dict
    )
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def put(self, address: str, body: bytes | str = "", **fields: object) -> None:
        """Serve `body` at an address such as `harbor.example/about`."""
        self.pages[address] = Reply(body, **fields)  # type: ignore[arg-type]

    def pages_asked(self) -> list[str]:
        """Return what was asked but the robots.txt files."""
        return [each for each in self.asked if not each.endswith("/robots.txt")]

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        address = f"{request.headers['Host']}{request.path}"
        self.times.append(time.monotonic())
        self.asked.append(address)
        self.headers.append(dict(request.headers))
        found = self.pages.get(address, Reply("not here", 404))
        reply = found if isinstance(found, Reply) else found(request)
        body = reply.body.encode() if isinstance(reply.body, str) else reply.body
        request.send_response(reply.status)
        request.send_header("Content-Type", reply.kind)
        request.send_header("Content-Length", str(len(body)))
        for name, value in reply.headers.items():
            request.send_header(name, value)
        request.end_headers()
        if not reply.drip:
            request.wfile.write(body)
            return
        for byte in body:
            request.wfile.write(bytes([byte]))
            time.sleep(reply.drip)  # the slow side of a connection, not a wait of the test


@contextmanager
def running() -> Iterator[Web]:
    """Run a server on a free port of the loopback."""
    web = Web()

    class Request(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                web.answer(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Request)
    web.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
