"""The live connection, over the real Valkey."""

import asyncio
from typing import Any

from asgiref.sync import async_to_sync
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.test import Client

from agency import live
from agency.asgi import application
from tests.factories import make_user


def communicator(client: Client | None = None) -> WebsocketCommunicator:
    headers = [(b"host", b"localhost"), (b"origin", b"http://localhost")]
    if client is not None:
        cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
        headers.append((b"cookie", f"{settings.SESSION_COOKIE_NAME}={cookie}".encode()))
    return WebsocketCommunicator(application, "/ws/live/", headers=headers)


def test_a_change_reaches_an_open_page(committed: str, client: Client) -> None:
    client.force_login(make_user())

    async def scenario() -> Any:
        browser = communicator(client)
        connected, _ = await browser.connect()
        assert connected
        await asyncio.to_thread(live.broadcast, "leads", "approvals")
        received = await browser.receive_json_from(timeout=5)
        await browser.disconnect()
        return received

    assert async_to_sync(scenario)() == {"topics": ["approvals", "leads"]}


def test_without_a_login_it_is_closed(db: None) -> None:
    async def scenario() -> Any:
        stranger = communicator()
        await stranger.connect()
        return await stranger.receive_output(timeout=5)

    assert async_to_sync(scenario)() == {"type": "websocket.close", "code": 4401}


def test_another_site_may_not_connect(db: None) -> None:
    async def scenario() -> bool:
        headers = [(b"host", b"localhost"), (b"origin", b"https://evil.example")]
        connected, _ = await WebsocketCommunicator(
            application, "/ws/live/", headers=headers
        ).connect()
        return connected

    assert not async_to_sync(scenario)()
