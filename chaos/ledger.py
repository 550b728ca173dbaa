"""The outside: a web server that writes down every effect, `python -m chaos.ledger port file`.

It takes its time before and after writing, sometimes refuses a first request, sometimes hangs up
after it wrote. Which of these befalls an effect follows from its key alone.
"""

import os
import sys
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LONGEST_MS = 20
REFUSED_PERCENT = 2
UNANSWERED_PERCENT = 2


class Ledger(ThreadingHTTPServer):
    """Appends the path of each request it takes to a file, a line each."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, path: str) -> None:
        super().__init__(("127.0.0.1", port), Entry)
        self.file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        self.refused: set[str] = set()


class Entry(BaseHTTPRequestHandler):
    """One request for one effect."""

    server: Ledger

    def do_POST(self) -> None:
        """Refuse it, or write it down and answer, or write it down and say nothing."""
        fate = zlib.crc32(self.path.encode())
        time.sleep(fate // 100 % LONGEST_MS / 1000)
        percent = fate % 100
        if percent < REFUSED_PERCENT and self.path not in self.server.refused:
            self.server.refused.add(self.path)
            self.send_error(503)
            return
        os.write(self.server.file, f"{self.path[1:]}\n".encode())
        time.sleep(fate // 10_000 % LONGEST_MS / 1000)
        if percent >= 100 - UNANSWERED_PERCENT:
            return
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    Ledger(int(sys.argv[1]), sys.argv[2]).serve_forever()
