"""A real HTTP server for tests, in the place of Slack: it keeps what was posted to it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Hook:
    """What was posted, oldest first, and how it answers. Status 0 hangs up without an answer.

    With `holds`, it answers only when `gate` is set.
    """

    url: str = ""
    status: int = 200
    text: str = "ok"
    headers: dict[str, str] = field(default_factory=dict)
    posts: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    holds: bool = False
    gate: threading.Event = field(default_factory=threading.Event)

    def take(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        self.paths.append(request.path)
        self.types.append(request.headers["Content-Type"])
        self.posts.append(json.loads(body))
        if self.holds:
            self.gate.wait()
        if self.status == 0:
            request.close_connection = True
            return
        request.send_response(self.status)
        for name, value in self.headers.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(self.text.encode())


@contextmanager
def running() -> Iterator[Hook]:
    """Run a server on a free port of the loopback."""
    hook = Hook()

    class Request(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            hook.take(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Request)
    hook.url = f"http://127.0.0.1:{server.server_address[1]}/services/T0/B0/key?a=1"
    thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        hook.gate.set()
        server.shutdown()
        thread.join()
        server.server_close()
