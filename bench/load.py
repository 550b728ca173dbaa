"""Posts to one address over kept-alive connections, as cheaply as Python can; prints JSON.

A process of its own, one epoll loop over raw sockets: on a small machine the client's cost is
taken from the server's, so it has to be little, and the same for everything that is compared.
"""

import json
import selectors
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

BODY = (
    '{{"name": "Dana Reyes", "email": "dana@harborplumbing.example",'
    ' "phone": "+15205550142", "company": "Harbor Plumbing", "message": "We are plumbers in Tucson'
    " and miss half our calls. What would it cost to start next month? Our budget is 1,000 USD a"
    ' month. {start:012x} {number:09d}"}}'
)


@dataclass
class Connection:
    """One request at a time: sent, then read to its end."""

    socket: socket.socket
    sent_at: float = 0.0
    received: bytes = b""
    milliseconds: list[float] = field(default_factory=list)


def drive(port: int, path: str, connections: int, seconds: float) -> dict[str, object]:
    """Return answers by status, the seconds it took, and latencies in ms."""
    request = _requests(port, path)
    statuses: dict[str, int] = {}
    every = [Connection(socket.create_connection(("127.0.0.1", port))) for _ in range(connections)]
    selector = selectors.EpollSelector()
    began = time.perf_counter()
    for connection in every:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        _send(connection, next(request))
    open_ones = connections
    while open_ones:
        ready = selector.select(30)
        if not ready:
            raise TimeoutError("no answer within 30 s")
        for key, _ in ready:
            connection = key.data
            status = _receive(connection)
            if not status:
                continue
            statuses[status] = statuses.get(status, 0) + 1
            if time.perf_counter() - began < seconds:
                _send(connection, next(request))
            else:
                selector.unregister(connection.socket)
                connection.socket.close()
                open_ones -= 1
    took = time.perf_counter() - began
    latencies = sorted(ms for connection in every for ms in connection.milliseconds)
    return {
        "statuses": statuses,
        "seconds": took,
        "per_s": len(latencies) / took,
        "p50_ms": latencies[len(latencies) // 2],
        "p99_ms": latencies[int(len(latencies) * 0.99)],
    }


def _requests(port: int, path: str) -> Iterator[bytes]:
    start = time.time_ns() % 16**12
    length = len(BODY.format(start=start, number=0))
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {length}\r\n\r\n"
    )
    for number in count():
        yield (head + BODY.format(start=start, number=number)).encode()


def _send(connection: Connection, request: bytes) -> None:
    connection.received = b""
    connection.sent_at = time.perf_counter()
    connection.socket.sendall(request)


def _receive(connection: Connection) -> str:
    """Return the status once the answer is whole, otherwise nothing."""
    some = connection.socket.recv(65536)
    if not some:
        raise ConnectionError("the server closed a kept-alive connection")
    connection.received += some
    head, end, body = connection.received.partition(b"\r\n\r\n")
    if not end:
        return ""
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    if len(body) < int(length):
        return ""
    connection.milliseconds.append((time.perf_counter() - connection.sent_at) * 1000)
    return head[9:12].decode()


if __name__ == "__main__":
    port, path, connections, seconds = sys.argv[1:]
    sys.stdout.write(json.dumps(drive(int(port), path, int(connections), float(seconds))))
