"""A real HTTP server for tests that takes outgoing webhooks and keeps them as they came."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook


@dataclass
class Message:
    """One post, as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """What was posted, oldest first, and how it answers. Status 0 hangs up without an answer."""

    port: int = 0
    status: int = 204
    text: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)

    def verified(self, secret: str) -> list[dict[str, object]]:
        """Return what came, each checked by the verifier of Standard Webhooks."""
        return [Webhook(secret).verify(one.body, one.headers) for one in self.messages]

    def take(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        self.messages.append(Message(request.path, dict(request.headers), body))
        if self.status == 0:
            request.close_connection = True
            return
        request.send_response(self.status)
        for name, value in self.headers.items():
            request.send_header(name, value)
        request.end_headers()
        if self.text:
            request.wfile.write(self.text.encode())


@contextmanager
def running() -> Iterator[Receiver]:
    """Run a server on a free port of the loopback."""
    receiver = Receiver()

    class Request(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.take(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Request)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
