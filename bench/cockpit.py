"""How fast a person decides in the cockpit: the server's part, and thirty drafts by keyboard."""

import http.client
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookies import SimpleCookie
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from django.utils import timezone

from bench.latency import MESSAGE
from control.models import Action
from jobs import events
from jobs.models import Job
from pipeline.models import Lead

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
LOOK_MS = 1_500
"""How long a practised person looks at a short draft before deciding."""
KEY_MS = 160
"""Between two keys, of somebody who types 75 words a minute."""
PATIENCE_SECONDS = 120
NOTE = "Shorter, and offer Thursday."
WAYS = ("approve", "approve", "reject", "edit", "send back", "snooze")


def drafts(number: int) -> None:
    """Have the workers write so many drafts, and be done with it."""
    before = Action.objects.filter(status="waiting").count()
    for n in range(number):
        stamp = f"{time.time_ns()}-{n}"
        lead = Lead.objects.create(
            source="webhook:bench",
            name=f"Lead {n}",
            email=f"{stamp}@bench.example",
            message=MESSAGE,
            received_at=timezone.now(),
        )
        events.emit("lead.received", subject=lead)
    deadline = time.monotonic() + PATIENCE_SECONDS
    busy = Job.objects.filter(status__in=[Job.Status.AVAILABLE, Job.Status.RUNNING])
    while Action.objects.filter(status="waiting").count() < before + number or busy.exists():
        if time.monotonic() > deadline:
            raise RuntimeError("the drafts did not come")
        time.sleep(0.05)


def decision_milliseconds(number: int) -> list[float]:
    """Return how long the server took for each decision, the next case included in its answer."""
    session = f"{settings.SESSION_COOKIE_NAME}={_login()}"
    connection = http.client.HTTPConnection("127.0.0.1", settings.PORT, timeout=30)
    token = _token(connection, session)
    times: list[float] = []
    for action in list(Action.objects.filter(status="waiting").order_by("created_at")[:number]):
        verb, fields = ("approve", "") if len(times) % 2 else ("reject", "&quick=Not+a+fit")
        body = f"hash={action.content_hash}&seconds=2&csrfmiddlewaretoken={token}{fields}"
        headers = {
            "Cookie": f"{session}; {settings.CSRF_COOKIE_NAME}={token}",
            "Content-Type": "application/x-www-form-urlencoded",
            "HX-Request": "true",
            "HX-Target": "cockpit",
        }
        started = time.perf_counter()
        connection.request("POST", f"/approvals/{action.pk}/{verb}/", body, headers)
        answer = connection.getresponse()
        answer.read()
        times.append(1000 * (time.perf_counter() - started))
        if answer.status != 200:
            raise RuntimeError(f"{verb} was answered {answer.status}")
    connection.close()
    return times


def thirty_by_keyboard(number: int) -> float | None:
    """Return the seconds a person takes for thirty drafts by keys alone; None without Chromium."""
    if CHROMIUM is None:
        sys.stdout.write("cockpit_30_s is not measured: no Chromium is installed\n")
        return None
    drafts(max(0, number + 2 - Action.objects.filter(status="waiting").count()))
    with _page() as page:
        page.wait_for_selector("#case[data-pk]")
        started = time.perf_counter()
        for n in range(number):
            here = page.get_attribute("#case", "data-pk")
            page.wait_for_timeout(LOOK_MS)
            _decide(page, WAYS[n % len(WAYS)])
            page.wait_for_selector(f'#case:not([data-pk="{here}"])')
        return time.perf_counter() - started


def _decide(page: Any, way: str) -> None:
    keys = page.keyboard
    if way == "approve":
        keys.press("a")
    elif way == "reject":
        keys.press("r")
        page.wait_for_timeout(KEY_MS)
        keys.press("1")
    elif way == "snooze":
        keys.press("s")
        page.wait_for_timeout(KEY_MS)
        keys.press("3")
    elif way == "edit":
        keys.press("e")
        page.wait_for_selector("#edit-body:focus")
        keys.type("One thing first. ", delay=KEY_MS)
        keys.press("Control+Enter")
    else:
        keys.press("b")
        page.wait_for_timeout(KEY_MS)
        keys.type(NOTE, delay=KEY_MS)
        keys.press("Control+Enter")


@contextmanager
def _page() -> Iterator[Any]:
    """Open the cockpit in a browser, logged in."""
    from playwright.sync_api import sync_playwright

    home = f"http://127.0.0.1:{settings.PORT}"
    # Playwright's own loop runs in this thread, which is no reason to refuse queries here.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = chromium.new_context(viewport={"width": 1280, "height": 844})
        context.add_cookies(
            [{"name": settings.SESSION_COOKIE_NAME, "value": _login(), "url": home}]
        )
        page = context.new_page()
        page.goto(f"{home}/approvals/")
        yield page
        chromium.close()
        # Playwright's loop had connections of its own.
        connections.close_all()


def _login() -> str:
    """Return the value of a session's cookie."""
    user, _ = User.objects.get_or_create(username="bench")
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def _token(connection: http.client.HTTPConnection, session: str) -> str:
    """Return a token for forms, as a page sets it."""
    connection.request("GET", "/approvals/", headers={"Cookie": session})
    answer = connection.getresponse()
    answer.read()
    cookies = SimpleCookie(answer.getheader("Set-Cookie") or "")
    return cookies[settings.CSRF_COOKIE_NAME].value
