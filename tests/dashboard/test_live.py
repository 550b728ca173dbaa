"""The live connection, over the real Valkey."""

import asyncio
import json
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
    await asyncio.to_thread(workers.until, _listens, "the page")
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
