"""A real DNS server for tests: it answers TXT questions over UDP from a table."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset

Zone = dict[str, list[str]]
STRING = 255


@contextmanager
def serving(zone: Zone, *, broken: frozenset[str] = frozenset()) -> Iterator[dns.resolver.Resolver]:
    """Serve `zone` and return a resolver that asks there; `broken` names fail (SERVFAIL)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=_serve, args=(server, zone, broken), daemon=True)
        thread.start()
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = server.getsockname()[1]
        resolver.use_edns(0, 0, 4096)
        try:
            yield resolver
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"", server.getsockname())
            thread.join()


def _serve(server: socket.socket, zone: Zone, broken: frozenset[str]) -> None:
    while True:
        asked, where = server.recvfrom(4096)
        if not asked:
            return
        question = dns.message.from_wire(asked)
        answer = dns.message.make_response(question)
        answer.flags |= dns.flags.AA
        name = question.question[0].name.to_text(omit_final_dot=True).lower()
        if name in broken:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif name not in zone:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif zone[name]:
            rows = [_quoted(text) for text in zone[name]]
            answer.answer.append(
                dns.rrset.from_text_list(question.question[0].name, 60, "IN", "TXT", rows)
            )
        server.sendto(answer.to_wire(), where)


def _quoted(text: str) -> str:
    pieces = [text[at : at + STRING] for at in range(0, len(text), STRING)] or [""]
    return " ".join(f'"{piece}"' for piece in pieces)
