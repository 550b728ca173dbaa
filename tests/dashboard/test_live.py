"""The live connection, over the real Valkey."""

import asyncio
import json
import time
from typing import Any

import redis
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.test import Client

from agency import live
from agency.asgi import application
from tests import workers
from tests.factories import make_user


def browser(client: Client | None = None, origin: str = "http://localhost") -> Any:
    headers = [(b"host", b"localhost"), (b"origin", origin.encode())]
    if client is not None:
        cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
        headers.append((b"cookie", f"{settings.SESSION_COOKIE_NAME}={cookie}".encode()))
    scope = {
        "type": "websocket",
        "path": "/ws/live/",
        "query_string": b"",
        "headers": headers,
        "subprotocols": [],
    }
    return ApplicationCommunicator(application, scope)  # type: ignore[no-untyped-call]


async def connect(page: Any) -> Any:
    await page.send_input({"type": "websocket.connect"})
    return await page.receive_output(5)


async def leave(page: Any) -> None:
    """Go as a browser does, and not before the page listens.

    A page cancelled while it still connects to Valkey may forget that, and wait for ever.
    """
    async with asyncio.timeout(workers.PATIENCE_SECONDS):
        while not await asyncio.to_thread(_listens):
            await asyncio.sleep(0.02)
    await page.send_input({"type": "websocket.disconnect", "code": 1000})
    await page.wait()


def _listens() -> bool:
    with redis.Redis.from_url(settings.REDIS_URL) as valkey:
        mine = valkey.client_info()["db"]
        listening = {str(one["db"]) for one in valkey.client_list() if one["cmd"] == "bzpopmin"}
        return str(mine) in listening


def test_a_change_reaches_an_open_page(committed: str, client: Client) -> None:
    client.force_login(make_user())

    async def scenario() -> Any:
        page = browser(client)
        assert await connect(page) == {"type": "websocket.accept", "subprotocol": None}
        await asyncio.to_thread(live.broadcast, "leads", "approvals")
        message = await page.receive_output(5)
        await leave(page)
        return json.loads(message["text"])

    assert async_to_sync(scenario)() == {"topics": ["approvals", "leads"], "pushed": []}


def test_without_a_login_it_is_closed(db: None) -> None:
    async def scenario() -> Any:
        page = browser()
        assert (await connect(page))["type"] == "websocket.accept"
        said = await page.receive_output(5)
        await leave(page)
        return said

    closed = async_to_sync(scenario)()
    assert (closed["type"], closed["code"]) == ("websocket.close", 4401)


def test_another_site_may_not_connect(db: None) -> None:
    async def scenario() -> Any:
        page = browser(origin="https://evil.example")
        said = await connect(page)
        await leave(page)
        return said

    assert async_to_sync(scenario)()["type"] == "websocket.close"


async def told(client: Client, since: float) -> Any:
    """Open a page rendered at that time, and return the first it hears."""
    page = browser(client)
    await connect(page)
    said = json.dumps({"shows": [], "since": since})
    await page.send_input({"type": "websocket.receive", "text": said})
    message = json.loads((await page.receive_output(5))["text"])
    await leave(page)
    return message


def remembered(since: float) -> list[str]:
    return async_to_sync(live.changed_since)(since) or []


def test_a_page_learns_what_changed_before_it_could_hear(committed: str, client: Client) -> None:
    client.force_login(make_user())
    rendered = time.time()
    live.broadcast("leads")
    workers.until(lambda: "leads" in remembered(rendered), "the change")

    assert "leads" in async_to_sync(told)(client, rendered)["topics"]


def test_a_page_long_under_way_refreshes_all_it_shows(committed: str, client: Client) -> None:
    client.force_login(make_user())

    said = async_to_sync(told)(client, time.time() - live.REMEMBERED_SECONDS)

    assert said == {"topics": ["refresh"], "pushed": []}
