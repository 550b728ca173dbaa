"""An agency's public pages, as small as they can be: forms with a CSRF token, over real HTTP."""

import datetime as dt
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

SPEED = 100_000


@dataclass
class Agency:
    """What its pages know. When it `is_full`, every time was taken meanwhile."""

    url: str = ""
    epoch: float = field(default_factory=time.time)
    posts: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    mails: list[dict[str, str]] = field(default_factory=list)
    reports: list[dict[str, object]] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    is_full: bool = False
    call: dict[str, str] = field(default_factory=dict)
    state: str = "sent"
    cards: list[str] = field(default_factory=list)

    def now(self) -> dt.datetime:
        moment = self.epoch + (time.time() - self.epoch) * SPEED
        return dt.datetime.fromtimestamp(moment, dt.UTC)

    def times(self) -> list[str]:
        first = self.now().replace(minute=0, second=0, microsecond=0)
        return [
            (first + dt.timedelta(days=day, hours=hour)).isoformat()
            for day in range(1, 6)
            for hour in (1, 2, 3)
        ]

    def sent(self, path: str) -> list[dict[str, str]]:
        return [fields for where, fields in self.posts if where.startswith(path)]


def ics(agency: Agency) -> str:
    starts = dt.datetime.fromisoformat(agency.call["starts_at"])
    ends = starts + dt.timedelta(minutes=30)
    lines = (
        *("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Test//EN", "METHOD:REQUEST"),
        *("BEGIN:VEVENT", "UID:call-1@agency", f"SEQUENCE:{agency.call['sequence']}"),
        f"DTSTAMP:{starts:%Y%m%dT%H%M%SZ}",
        *(f"DTSTART:{starts:%Y%m%dT%H%M%SZ}", f"DTEND:{ends:%Y%m%dT%H%M%SZ}"),
        *(f"URL:{agency.url}/meetings/m1/", "SUMMARY:A call", "END:VEVENT", "END:VCALENDAR", ""),
    )
    return "\r\n".join(lines)


def booking_page(agency: Agency, token: str, do: str = "") -> str:
    buttons = "".join(
        f'<button name="starts_at" value="{at}">{at}</button>' for at in agency.times()
    )
    return (
        "<form><select name=timezone><option>UTC<option>America/Phoenix</select>"
        "<button>Show</button></form>"
        f'<form method="post">{token}<input type="hidden" name="do" value="{do}">'
        '<input name="name" required><input name="email" required><input name="phone">'
        f'<textarea name="note"></textarea>{buttons}</form>'
    )


def proposal_page(agency: Agency, token: str) -> str:
    if agency.state == "sent":
        return (
            f'<article>An offer</article><form method="post">{token}'
            '<input name="document_sha256" type="hidden" value="ab12">'
            '<input name="name" required><input name="email" required>'
            '<input type="checkbox" name="consent" required>'
            '<button name="do" value="sign">Sign</button></form>'
            f'<form method="post">{token}<textarea name="reason"></textarea>'
            '<button name="do" value="decline">No</button></form>'
        )
    if agency.state == "signed":
        return '<article>An offer</article><a href="/c/pay/cs_1">Pay</a>'
    if agency.state == "replaced":
        return '<article>An offer</article><a href="/p/newer/">The newer one</a>'
    return f"<article>It is {agency.state}.</article>" if agency.state else "In a moment."


@contextmanager
def serving() -> Iterator[Agency]:
    agency = Agency()
    handler = type("Request", (Request,), {"agency": agency})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    agency.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
    thread.start()
    try:
        yield agency
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Request(BaseHTTPRequestHandler):
    agency: Agency

    def do_GET(self) -> None:
        agency, path = self.agency, urlsplit(self.path).path
        agency.seen.append(self.path)
        token = secrets.token_hex(4)
        field = f'<input type="hidden" name="csrf" value="{token}">'
        if path.startswith("/book/"):
            if agency.call:
                return self.go("/meetings/m1/")
            return self.answer(booking_page(agency, field), token)
        if path == "/meetings/m1/call.ics":
            return self.answer(ics(agency), kind="text/calendar")
        if path == "/meetings/m1/":
            cancel = (
                f'<form method="post">{field}<button name="do" value="cancel">C</button></form>'
            )
            file = '<a href="/meetings/m1/call.ics">Add to calendar</a>'
            return self.answer(file + booking_page(agency, field, "move") + cancel, token)
        if path == "/p/newer/":
            agency.state = "sent"
        if path.startswith("/p/"):
            return self.answer(proposal_page(agency, field), token)
        if path.startswith("/c/pay/"):
            return self.answer('<form method="post"><input name="card"><button>Pay</button></form>')
        if path == "/away":
            return self.go("http://elsewhere.example/")
        return self.answer("gone", status=404 if path != "/down" else 503)

    def do_POST(self) -> None:
        agency = self.agency
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path.startswith("/hooks/meetings/"):
            agency.reports.append(json.loads(body))
            return self.answer("{}", status=202)
        fields = dict(parse_qsl(body, keep_blank_values=True))
        if self.path.startswith("/anymail/"):
            agency.mails.append(fields)
            return self.answer("")
        if self.path.startswith("/c/pay/"):
            return self.pay(fields)
        cookie = SimpleCookie(self.headers.get("Cookie", ""))
        if "csrf" not in cookie or fields.pop("csrf", "") != cookie["csrf"].value:
            return self.answer("CSRF", status=403)
        agency.posts.append((self.path, fields))
        if "starts_at" in fields:
            return self.choose(fields)
        if self.path.startswith("/p/"):
            agency.state = {"sign": "signed", "decline": "declined"}[fields["do"]]
            return self.go("/c/pay/cs_1" if agency.state == "signed" else self.path)
        return self.go(self.path)

    def choose(self, fields: dict[str, str]) -> None:
        agency = self.agency
        if agency.is_full:
            return self.answer(booking_page(agency, ""), status=422)
        sequence = int(agency.call.get("sequence", -1)) + 1
        agency.call = {"starts_at": fields["starts_at"], "sequence": str(sequence)}
        self.go("/meetings/m1/")

    def pay(self, fields: dict[str, str]) -> None:
        self.agency.cards.append(fields["card"])
        if fields["card"] != "4242424242424242":
            return self.answer('<p>Declined</p><form method="post"><input name="card"></form>')
        self.agency.state = "paid"
        self.go("/p/token/?" + urlencode({"paid": 1}))

    def answer(self, text: str, token: str = "", *, status: int = 200, kind: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind or "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(text.encode())))
        if token:
            self.send_header("Set-Cookie", f"csrf={token}; Path=/; HttpOnly; SameSite=Lax")
        self.end_headers()
        self.wfile.write(text.encode())

    def go(self, where: str) -> None:
        self.send_response(302)
        self.send_header("Location", where)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass
