"""The only way out of the market: to the app's own address, and nowhere else."""

import hashlib
import hmac
import http.client
import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from sandbox.market.mime import Posted

INBOUND = "/anymail/mailgun/inbound/"
SECONDS = 5.0
NOT_ACCEPTABLE = 406
FORM = "application/x-www-form-urlencoded"


class NotNow(Exception):
    """The app cannot be reached or does not take it now; the message says what it said."""


class Never(Exception):
    """The app does not want it, or it would have gone somewhere else."""


@dataclass(frozen=True)
class App:
    """The app as the outside sees it. `signing_key` is the one Mailgun would sign with."""

    url: str
    lead_form: str = ""
    meetings_hook: str = ""
    signing_key: str = field(default="", repr=False)

    def send_mail(self, mail: Posted, token: str) -> None:
        """Post a mail as Mailgun's route `forward("…/mime")` does. Raises NotNow, Never."""
        timestamp = str(int(time.time()))
        signed = hmac.new(self.signing_key.encode(), f"{timestamp}{token}".encode(), hashlib.sha256)
        headers = _headers(mail.raw)
        fields = {
            "recipient": mail.recipient,
            "sender": mail.sender,
            "from": headers.get("from", ""),
            "subject": headers.get("subject", ""),
            "body-mime": mail.raw.decode(errors="replace"),
            "timestamp": timestamp,
            "token": token,
            "signature": signed.hexdigest(),
        }
        status = self._post(f"{self.url}{INBOUND}", urlencode(fields), FORM)
        if status == NOT_ACCEPTABLE:
            raise Never(f"{INBOUND} answered {status}")
        if status // 100 != 2:  # Mailgun tries again after anything else
            raise NotNow(f"{INBOUND} answered {status}")

    def fill_in(self, fields: dict[str, str], key: str) -> None:
        """Send the agency's web form, once for each key. Raises NotNow, Never."""
        body = json.dumps(fields)
        status = self._post(self.lead_form, body, "application/json", {"Idempotency-Key": key})
        _expect(status, "the lead form")

    def report_call(self, fields: dict[str, Any], key: str) -> None:
        """Tell how a call went, as a recording service does. Raises NotNow, Never."""
        body = json.dumps(fields)
        headers = {"Idempotency-Key": key}
        status = self._post(self.meetings_hook, body, "application/json", headers)
        _expect(status, "the hook for calls")

    def unsubscribe(self, url: str) -> None:
        """Unsubscribe with one click, as a mail program does (RFC 8058). Raises NotNow, Never."""
        status = self._post(url, "List-Unsubscribe=One-Click", FORM)
        _expect(status, "the unsubscribe link")

    def _post(
        self, url: str, body: str, content_type: str, more: dict[str, Any] | None = None
    ) -> int:
        parts, own = urlsplit(url), urlsplit(self.url)
        if (parts.scheme, parts.netloc) != (own.scheme, own.netloc):
            raise Never(f"{url} is not the app’s")
        kind = http.client.HTTPSConnection if own.scheme == "https" else http.client.HTTPConnection
        app = kind(own.netloc, timeout=SECONDS)
        target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        headers = {"Content-Type": content_type, "User-Agent": "sandbox-market", **(more or {})}
        try:
            app.request("POST", target, body.encode(), headers)
            return app.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            raise NotNow(f"{own.netloc} cannot be reached: {error}") from error
        finally:
            app.close()


def _expect(status: int, what: str) -> None:
    if status in {408, 429} or status >= 500:
        raise NotNow(f"{what} answered {status}")
    if status >= 400:
        raise Never(f"{what} answered {status}")


def _headers(raw: bytes) -> dict[str, str]:
    head = raw.partition(b"\r\n\r\n")[0].decode(errors="replace").replace("\r\n ", " ")
    pairs = (line.partition(":") for line in head.split("\r\n"))
    return {name.lower(): value.strip() for name, _, value in pairs}
