"""`make screenshots`: every page, wide and narrow, light and dark, empty and with made-up rows.

Starts a house of its own in a temporary folder; the names in docs/screenshots/ stay the same.
"""

import base64
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, StorageState, sync_playwright

from tests.browser.chromium import CHROMIUM, FLAGS, MISSING

OUT = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
QUALITY = 65
WIDE, NARROW = (1280, 900), (390, 844)
MOST_BYTES = 10_000_000
PATIENCE_SECONDS = 120

PAGES = {
    "overview": "/",
    "approvals": "/approvals/",
    "alerts": "/alerts/",
    "pipeline": "/pipeline/",
    "pipeline-table": "/pipeline/table/",
    "deals": "/pipeline/deals/",
    "deal-table": "/pipeline/deals/table/",
    "funnel": "/pipeline/funnel/",
    "leads": "/leads/",
    "meetings": "/meetings/",
    "prices": "/prices/",
    "payments": "/payments/",
    "book": "/book/",
    "prospects": "/prospects/",
    "ideal-customers": "/ideal-customers/",
    "sequences": "/sequences/",
    "tasks": "/tasks/",
    "inbox": "/inbox/",
    "deliverability": "/deliverability/",
    "suppressed": "/deliverability/suppressed/",
    "clients": "/clients/",
    "costs": "/costs/",
    "agents": "/agents/",
    "agent": "/agents/qualifier/",
    "activity": "/activity/",
    "jobs": "/jobs/",
    "mailbox": "/mailbox/",
    "settings": "/settings/",
    "stop": "/stop/",
    "start": "/start/",
}
FIRST_OF = {
    "approval": ("/pipeline/", "/approvals/"),
    "lead": ("/pipeline/table/?sort=score", "/leads/"),
    "deal": ("/pipeline/deals/table/?stage=won", "/deals/"),
    "meeting": ("/meetings/", "/meetings/0"),
    "proposal": ("/payments/", "/proposals/"),
    "cold-draft": ("/approvals/?agent=outreach", "/approvals/0"),
    "prospect": ("/prospects/?status=lead", "/prospects/0"),
    "source": ("/ideal-customers/", "/sources/"),
    "duplicates": ("/prospects/duplicates/", ""),
    "sequence": ("/sequences/", "/sequences/"),
    "wording": ("/sequences/1/", "/sequences/wordings/"),
    "conversation": ("/inbox/", "/inbox/0"),
    "client": ("/clients/", "/clients/"),
    "run": ("/agents/qualifier/", "/agents/runs/"),
    "job": ("/jobs/", "/jobs/0"),
    "mail": ("/mailbox/", "/mailbox/"),
    "find": ("/find/?q=plumb", ""),
}
"""The page on which the first link that begins so leads to the one that is taken."""


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def house() -> Iterator[str]:
    """Run the whole product as `make run` does, and stop it after."""
    with tempfile.TemporaryDirectory(prefix="screenshots-") as folder:
        port = free_port()
        os.environ |= {
            "DATA_DIR": folder,
            "ENV_FILE": os.devnull,
            "PORT": str(port),
            "SANDBOX_SMTP_PORT": str(free_port()),
        }
        process = subprocess.Popen([sys.executable, "manage.py", "run"], stdout=subprocess.DEVNULL)
        url = f"http://127.0.0.1:{port}"
        try:
            wait_for(url)
            yield url
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


def wait_for(url: str) -> None:
    """Wait until the house is ready."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=5):  # noqa: S310 - our own
                return
        except OSError:
            time.sleep(0.3)
    raise SystemExit("The house did not start")


def manage(*words: str) -> str:
    """Run a command of the house and return what it says."""
    command = [sys.executable, "manage.py", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def addresses(page: Page, url: str) -> dict[str, str]:
    """Return the address of one of each kind of page."""
    found = {}
    for name, (path, start) in FIRST_OF.items():
        page.goto(url + path)
        link = page.locator(f'main a[href^="{start}"]').first if start else None
        if link is None:
            found[name] = path
        elif link.count():
            found[name] = str(link.get_attribute("href"))
    return found


def take(browser: Browser, url: str, cookies: StorageState, pages: dict[str, str]) -> None:
    """Take each page in both sizes and themes."""
    for (width, height), theme in ((size, t) for size in (WIDE, NARROW) for t in ("light", "dark")):
        context = browser.new_context(
            storage_state=cookies,
            color_scheme=theme,  # type: ignore[arg-type]
            reduced_motion="reduce",
            viewport={"width": width, "height": height},
            has_touch=width == NARROW[0],
            is_mobile=width == NARROW[0],
        )
        page = context.new_page()
        camera = context.new_cdp_session(page)
        for name, path in pages.items():
            page.goto(url + path)
            page.wait_for_load_state("networkidle")
            shot = camera.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
            (OUT / f"{name}-{width}-{theme}.webp").write_bytes(base64.b64decode(shot["data"]))
        context.close()


def main() -> None:
    """Take them all."""
    if CHROMIUM is None:
        raise SystemExit(MISSING)
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    with house() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        page.goto(re.findall(r"http\S+", manage("loginlink"))[0])
        cookies = page.context.storage_state()
        take(browser, url, cookies, {f"{name}-empty": path for name, path in PAGES.items()})
        manage("seed", "--scale", "small", "--add")
        page.goto(url)
        page.get_by_role("button", name="Not now").click()
        pages = {name: path for name, path in PAGES.items() if name != "start"}
        take(browser, url, cookies, pages | addresses(page, url))
        browser.close()
    size = sum(path.stat().st_size for path in OUT.iterdir())
    sys.stdout.write(f"{len(list(OUT.iterdir()))} pictures, {size / 1e6:.1f} MB, in {OUT}\n")
    if size > MOST_BYTES:
        raise SystemExit(f"That is more than {MOST_BYTES / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
