"""The sandbox checkout over HTTP for tests, which tells an address what happened, or nobody."""

import http.client
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from django.conf import settings

from sandbox.checkout import telling
from sandbox.checkout.api import Checkout
from sandbox.checkout.telling import Teller
from sandbox.checkout.till import Till
from sandbox.market import web
from sandbox.market.clock import Clock
from sandbox.market.world import World

GOOD = "4242 4242 4242 4242"
DECLINED = "4000 0000 0000 0002"
WORLD = World(1)


@dataclass
class Counter:
    """The checkout as its payers and the app meet it."""

    port: int
    till: Till
    teller: Teller

    def pay(self, url: str, card: str = GOOD) -> tuple[int, str, str]:
        """Pay on a page; return the status, where it leads and what it says."""
        return self.visit(url, {"card": card, "do": "pay"})

    def visit(self, url: str, form: dict[str, str] | None = None) -> tuple[int, str, str]:
        parts = urlsplit(url)
        asked = http.client.HTTPConnection(parts.netloc, timeout=10)
        body = urlencode(form) if form is not None else None
        kind = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        asked.request("POST" if body else "GET", parts.path, body, kind)
        answer = asked.getresponse()
        found = answer.status, answer.headers.get("Location", ""), answer.read().decode()
        asked.close()
        return found

    def events(self) -> list[tuple[bytes, str]]:
        """Return what there is to tell, each with its signature, oldest first."""
        key, now = settings.SANDBOX_CHECKOUT_KEY, int(time.time())
        bodies = [event.body.encode() for event in self.till.due(100)]
        return [(body, telling.signature(body, key, now)) for body in bodies]


@contextmanager
def running(folder: Path, *, app_url: str = "") -> Iterator[Counter]:
    """Run the checkout on a free port; with an address it tells the app there by itself."""
    key = settings.SANDBOX_CHECKOUT_KEY
    with ExitStack() as stack:
        till = Till(folder / "checkout.sqlite3")
        stack.callback(till.close)
        teller = Teller(till, app_url, key)
        sites = web.Sites(WORLD, Clock(time.time(), 1.0), Checkout(till, key))
        port = stack.enter_context(web.serving(sites, 0))
        if app_url:
            stack.enter_context(telling.telling(teller))
        yield Counter(port, till, teller)
