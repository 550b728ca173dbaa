"""How soon a change made in one browser is seen in the others, with 50 live sockets open.

Each of the others behaves as the page does: it says over its socket what it shows, takes what is
pushed, and fetches what is not. `python -m bench.live [browsers] [changes]` measures the house the
settings point at and decides as many waiting approvals as there are changes.
"""

import asyncio
import html
import json
import re
import sys
import time
from typing import Any

from bench.browser import Browser

PAGE = "/approvals/"
PART = "queue"
PATIENCE_SECONDS = 10.0
LIVE = re.compile(r"<[a-z]+\b[^>]*\blive:[^>]*>")
ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')
TOPIC = re.compile(r"live:([\w:.-]+)")
HASH = re.compile(r'name="hash" value="([0-9a-f]{64})"')
CASE = re.compile(r'<a href="/approvals/([0-9a-f-]{36})/')


class Watcher:
    """One other browser with the approvals open."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.browser = Browser(port)
        self.shows: list[dict[str, Any]] = []
        self.seen: dict[str, float] = {}
        self.waits_for = ""
        self.fetched = 0

    async def run(self, ready: asyncio.Semaphore) -> None:
        """Open the page and its socket, and take what comes."""
        from websockets.asyncio.client import connect

        _, text, _ = await asyncio.to_thread(self.browser.get, PAGE)
        self._look_around(text)
        async with connect(
            f"ws://127.0.0.1:{self.port}/ws/live/",
            additional_headers={"Cookie": self.browser.cookie},
            origin=f"http://127.0.0.1:{self.port}",  # type: ignore[arg-type]
            max_size=None,
            compression=None,
        ) as socket:
            await socket.send(json.dumps({"shows": self.shows}))
            ready.release()
            async for message in socket:
                await self._take(json.loads(message))

    def _look_around(self, text: str) -> None:
        for tag in LIVE.findall(text):
            found = dict(ATTRIBUTE.findall(tag))
            if "id" in found and "hx-get" in found:
                topics = TOPIC.findall(found["hx-trigger"])
                url = html.unescape(found["hx-get"])
                self.shows.append({"id": found["id"], "url": url, "topics": topics})

    async def _take(self, message: dict[str, Any]) -> None:
        if "topics" not in message:
            self._look(message["id"], message["html"])
            return
        for shown in self.shows:
            if shown["id"] not in message["pushed"] and {*shown["topics"]} & {*message["topics"]}:
                self.fetched += 1
                _, text, _ = await asyncio.to_thread(self.browser.get, shown["url"], shown["id"])
                self._look(shown["id"], text)

    def _look(self, part: str, text: str) -> None:
        # The row is gone; what was decided is named there for a while, to be called back.
        row = f'<a href="{PAGE}{self.waits_for}/'
        if part == PART and self.waits_for and row not in text:
            self.seen.setdefault(self.waits_for, time.perf_counter())


def measure(port: int, browsers: int, changes: int) -> list[float]:
    """Return the milliseconds from sending a decision until each other browser had it."""
    watchers = [Watcher(port) for _ in range(browsers)]
    return asyncio.run(_measure(Browser(port), watchers, changes))


async def _measure(actor: Browser, watchers: list[Watcher], changes: int) -> list[float]:
    ready = asyncio.Semaphore(0)
    tasks = [asyncio.create_task(watcher.run(ready)) for watcher in watchers]
    try:
        for _ in watchers:
            await asyncio.wait_for(ready.acquire(), 60)
        await asyncio.sleep(1)
        waits: list[float] = []
        for _ in range(changes):
            waits += await _decide(actor, watchers)
            await asyncio.sleep(0.4)
        return waits
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _decide(actor: Browser, watchers: list[Watcher]) -> list[float]:
    """Approve the first that can be, and return how long each of the others took to see it."""
    _, text, _ = await asyncio.to_thread(actor.get, PAGE)
    for pk in dict.fromkeys(CASE.findall(text)):
        url = f"{PAGE}{pk}/"
        _, case, _ = await asyncio.to_thread(actor.get, url)
        if content := HASH.search(case):
            break
    else:
        raise RuntimeError("nothing is left to decide")
    for watcher in watchers:
        watcher.waits_for = pk
    started = time.perf_counter()
    status, _, _ = await asyncio.to_thread(
        actor.post, f"{url}approve/", {"hash": content[1]}, "cockpit"
    )
    if status != 200:
        raise RuntimeError(f"the decision was answered {status}")
    while not all(pk in watcher.seen for watcher in watchers):
        if time.perf_counter() - started > PATIENCE_SECONDS:
            break
        await asyncio.sleep(0.01)
    late = started + PATIENCE_SECONDS
    return [1000 * (watcher.seen.get(pk, late) - started) for watcher in watchers]


def main() -> None:
    """Measure the house that runs."""
    import django

    django.setup()
    from django.conf import settings

    from bench.latency import percentile

    browsers, changes = (int(text) for text in (*sys.argv[1:], *("50", "30")[len(sys.argv) - 1 :]))
    waits = measure(settings.PORT, browsers, changes)
    for share in (0.5, 0.95, 1.0):
        sys.stdout.write(f"p{100 * share:.0f} {percentile(waits, share):8.1f} ms\n")


if __name__ == "__main__":
    main()
