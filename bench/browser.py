"""A logged-in browser without a screen: cookies, kept-alive requests."""

import http.client
import re
import time
from http.cookies import SimpleCookie
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import (
    BACKEND_SESSION_KEY,
    HASH_SESSION_KEY,
    SESSION_KEY,
    get_user_model,
)

TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class Browser:
    """One browser, logged in as the operator."""

    def __init__(self, port: int) -> None:
        from django.contrib.sessions.backends.db import SessionStore

        user = get_user_model().objects.get(username="operator")
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
        self.cookies = {settings.SESSION_COOKIE_NAME: str(session.session_key)}
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.token = ""

    @property
    def cookie(self) -> str:
        """All cookies, as a header."""
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def get(self, url: str, target: str = "") -> tuple[int, str, float]:
        """Return status, body and milliseconds of a page, or of a part of one."""
        headers = {"HX-Request": "true", "HX-Target": target} if target else {}
        return self._ask("GET", url, None, headers)

    def post(self, url: str, data: dict[str, str], target: str) -> tuple[int, str, float]:
        """Send a form as htmx does."""
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "HX-Request": "true",
            "HX-Target": target,
            "X-CSRFToken": self.token,
        }
        return self._ask("POST", url, urlencode(data), headers)

    def _ask(
        self, method: str, url: str, body: str | None, headers: dict[str, str]
    ) -> tuple[int, str, float]:
        started = time.perf_counter()
        sent = (method, url, body, {"Cookie": self.cookie, **headers})
        try:
            self.connection.request(*sent)
            answer = self.connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionError):
            # The server gives up a connection that was quiet for a while.
            self.connection.close()
            self.connection.request(*sent)
            answer = self.connection.getresponse()
        text = answer.read().decode()
        took = 1000 * (time.perf_counter() - started)
        for header in answer.headers.get_all("Set-Cookie") or ():
            for name, morsel in SimpleCookie(header).items():
                self.cookies[name] = morsel.value
        if found := TOKEN.search(text):
            self.token = found[1]
        return answer.status, text, took
