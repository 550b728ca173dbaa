"""Telling the app what happened: signed as Stripe signs, again and again until it is taken."""

import hashlib
import hmac
import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from sandbox.checkout.till import Till

PATH = "/hooks/stripe/"
SECONDS = 5.0
AT_ONCE = 20
LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Teller:
    """Posts to the app's own address and nowhere else."""

    till: Till
    app_url: str
    key: str = field(repr=False)

    def tell(self) -> int:
        """Tell what is due; return how much of it was taken."""
        taken = 0
        for event in self.till.due(AT_ONCE):
            if self._post(event.body.encode()) // 100 == 2:
                self.till.told(event)
                taken += 1
            else:
                self.till.put_off(event)
        return taken

    def _post(self, body: bytes) -> int:
        """Post an event and return the status, 0 if nobody answers."""
        parts = urlsplit(self.app_url)
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        app = kind(parts.netloc, timeout=SECONDS)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature(body, self.key, int(time.time())),
            "User-Agent": "sandbox-checkout",
        }
        try:
            app.request("POST", PATH, body, headers)
            return app.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            app.close()


def signature(body: bytes, key: str, at: int) -> str:
    """Return the header Stripe proves itself with: HMAC-SHA256 over the time and the body."""
    signed = hmac.new(f"whsec_{key}".encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},v1={signed.hexdigest()}"


@contextmanager
def telling(teller: Teller) -> Iterator[None]:
    """Tell the app of what happens until the block ends."""
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            teller.till.something_new.clear()
            if not teller.tell():
                teller.till.something_new.wait(LOOK_SECONDS)

    thread = threading.Thread(target=work, name="checkout-telling", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        teller.till.something_new.set()
        thread.join(SECONDS + 1)
