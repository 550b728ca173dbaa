"""The main job in a real browser, over real HTTP, WebSocket, SMTP, worker and databases."""

import json
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import ConsoleMessage, Page, expect, sync_playwright
from sesame.utils import get_query_string

from control.models import Action
from jobs import endpoints
from jobs.models import Job
from pipeline.models import Lead
from tests import factories, mailserver, workers

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)

pytestmark = [
    pytest.mark.usefixtures("committed"),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
]


@contextmanager
def child(*command: str) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run web, worker and mailbox as `make run` does; return the address."""
    web, smtp, maildir = mailserver.free_port(), mailserver.free_port(), tmp_path / "mailbox"
    url = f"http://127.0.0.1:{web}"
    # Playwright's own loop runs in this thread, which is no reason to refuse queries here.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    monkeypatch.setenv("PORT", str(web))
    monkeypatch.setenv("SANDBOX_SMTP_PORT", str(smtp))
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("SECRET_KEY", settings.SECRET_KEY)
    collect = [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity", "0"]
    subprocess.run(collect, check=True)
    serve = ("uvicorn", "agency.asgi:application", "--port", str(web), "--log-level", "warning")
    mailbox = ("sandbox", "mailbox", "--port", str(smtp), "--maildir", str(maildir))
    with child("-m", *serve), child("-m", *mailbox), workers.worker():
        workers.until(lambda: answers(f"{url}/readyz"), "the web server")
        yield url


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - our own server
            return bool(response.status == 200)
    except OSError:
        return False


@contextmanager
def browser(url: str, width: int = 1280) -> Iterator[Page]:
    """Open a logged-in page, and fail on any error in its console."""
    complaints: list[str] = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = chromium.new_page(viewport={"width": width, "height": 844})

        def listen(said: ConsoleMessage) -> None:
            if said.type == "error":
                complaints.append(said.text)

        page.on("console", listen)
        page.goto(f"{url}/login/link/{login()}")
        yield page
        chromium.close()
    assert complaints == []


def login() -> str:
    return str(get_query_string(factories.make_user(f"user{time.time_ns()}")))


def post_lead(url: str, address: str) -> None:
    lead = {
        "name": "Dana Reyes",
        "email": "dana@harborplumbing.example",
        "phone": "+15205550142",
        "company": "Harbor Plumbing",
        "message": factories.GOOD_MESSAGE,
    }
    request = urllib.request.Request(  # noqa: S310 - our own server
        f"{url}{address}",
        data=json.dumps(lead).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310
        assert response.status == 202


def test_a_lead_arrives_live_is_approved_by_keyboard_and_its_mail_goes_out(house: str) -> None:
    address = endpoints.ensure("leads", "website")
    with browser(house) as page:
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        posted = time.monotonic()
        post_lead(house, "/hooks" + endpoints.url(address).partition("/hooks")[2])
        draft = page.get_by_text("Pick a time here")
        draft.wait_for(timeout=10_000)
        seen = time.monotonic() - posted
        expect(page.get_by_text("Score 9")).to_be_visible()

        page.keyboard.press("a")
        expect(page.get_by_text("Undo")).to_be_visible()
        Job.objects.filter(kind="control.execute").update(run_at=Lead.objects.get().received_at)
        done = Action.objects.filter(kind="reply_to_lead", status="done")
        workers.until(done.exists, "the mail")

        page.goto(f"{house}/mailbox/")
        page.get_by_text("Re: your message").click()
        page.get_by_text("headers").first.click()
        expect(page.get_by_text(f"<{done.get().pk}@northwind.example>").first).to_be_visible()
        page.goto(f"{house}/leads/{Lead.objects.get().pk}/")
        expect(page.get_by_text("approved").first).to_be_visible()
    # Generous for a busy machine; what it takes by itself is measured, not asserted.
    assert seen < 5
