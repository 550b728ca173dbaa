"""Live parts: rendered once for all who look, pushed only to those who may, never an old one."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.test.signals import template_rendered
from django.urls import reverse

from agency import live
from control import approvals
from control.models import Action
from dashboard import shared
from tests.dashboard.test_live import browser, connect
from tests.factories import make_user, received

QUEUE = {"id": "queue", "url": "/approvals/", "topics": ["approvals"]}
STATUS = {"id": "status", "url": "/status/", "topics": ["status"]}


@asynccontextmanager
async def page(client: Client, *shows: dict[str, Any]) -> AsyncIterator[Any]:
    """Open a live page that shows these parts."""
    opened = browser(client)
    await connect(opened)
    await opened.send_input({"type": "websocket.receive", "text": json.dumps({"shows": shows})})
    await asyncio.sleep(0)
    try:
        yield opened
    finally:
        await opened.send_input({"type": "websocket.disconnect", "code": 1000})
        await opened.wait()


async def heard(opened: Any) -> tuple[dict[str, str], list[str]]:
    """Return the parts pushed for a change, by element, and its topics."""
    parts: dict[str, str] = {}
    while True:
        message = json.loads((await opened.receive_output(10))["text"])
        if "topics" in message:
            assert sorted(parts) == sorted(message["pushed"])
            return parts, message["topics"]
        parts[message["id"]] = message["html"]


def of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_what_is_pushed_holds_the_change(committed: str) -> None:
    user = make_user()
    received()
    received(name="Amir Haddad", email="amir@haddad.example")
    action = Action.objects.filter(status="waiting").latest("pk")

    def approve() -> None:
        approvals.approve(action, by=user, seen_hash=action.content_hash)

    async def scenario() -> str:
        async with page(await asyncio.to_thread(of, user), QUEUE) as opened:
            await asyncio.to_thread(approve)
            parts: dict[str, str] = {}
            while "1 waiting" not in parts.get("queue", ""):
                parts, _ = await heard(opened)
            return parts["queue"]

    html = async_to_sync(scenario)()
    assert "1 waiting" in html
    assert str(action.pk) not in html


def test_a_part_is_rendered_once_for_all_who_show_it(committed: str) -> None:
    user = make_user()
    clients = [of(user) for _ in range(8)]
    rendered: list[str] = []

    def count(template: Any, **rest: Any) -> None:
        rendered.append(template.name)

    async def scenario() -> list[Any]:
        async with AsyncExitStack() as stack:
            opened = [await stack.enter_async_context(page(one, STATUS)) for one in clients]
            await asyncio.to_thread(live.broadcast, "status")
            return [await heard(one) for one in opened]

    template_rendered.connect(count)
    try:
        found = async_to_sync(scenario)()
    finally:
        template_rendered.disconnect(count)
    assert ["status"] * len(clients) == [part for parts, _ in found for part in parts]
    assert rendered == ["components/status.html"]


def test_two_users_get_a_part_each(committed: str) -> None:
    clients = [of(make_user("olivia")), of(make_user("pavel"))]
    rendered: list[str] = []

    def count(template: Any, context: Any, **rest: Any) -> None:
        rendered.append(context["request"].user.get_username())

    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            opened = [await stack.enter_async_context(page(one, STATUS)) for one in clients]
            await asyncio.to_thread(live.broadcast, "status")
            for one in opened:
                await heard(one)

    template_rendered.connect(count)
    try:
        async_to_sync(scenario)()
    finally:
        template_rendered.disconnect(count)
    assert sorted(rendered) == ["olivia", "pavel"]


def test_a_browser_that_logged_out_gets_nothing_more(committed: str) -> None:
    client = of(make_user())

    async def scenario() -> Any:
        async with page(client, QUEUE) as opened:
            await asyncio.to_thread(client.logout)
            await asyncio.to_thread(live.broadcast, "approvals")
            return await opened.receive_output(10)

    closed = async_to_sync(scenario)()
    assert (closed["type"], closed["code"]) == ("websocket.close", 4401)


def test_a_user_who_was_shut_out_gets_nothing_more(committed: str) -> None:
    user = make_user()
    client = of(user)

    async def scenario() -> Any:
        async with page(client, QUEUE) as opened:
            await asyncio.to_thread(User.objects.filter(pk=user.pk).update, is_active=False)
            await asyncio.to_thread(live.broadcast, "approvals")
            return await opened.receive_output(10)

    assert async_to_sync(scenario)()["code"] == 4401


@pytest.mark.parametrize(
    "shown",
    [
        QUEUE | {"url": "/admin/"},
        QUEUE | {"url": "//evil.example/approvals/"},
        QUEUE | {"url": "/approvals/\r\nx: y/"},
        QUEUE | {"url": "/agents/nobody/"},
        QUEUE | {"id": "no such part<"},
        QUEUE | {"topics": ["leads"]},
        {"id": 3},
        "nonsense",
    ],
)
def test_what_cannot_be_pushed_is_left_to_the_browser(committed: str, shown: Any) -> None:
    client = of(make_user())

    async def scenario() -> Any:
        async with page(client, shown) as opened:
            await asyncio.to_thread(live.broadcast, "approvals")
            return await heard(opened)

    assert async_to_sync(scenario)() == ({}, ["approvals"])


def test_nobodys_form_token_is_pushed(committed: str) -> None:
    client = of(make_user())
    lead = received()
    url = reverse("lead-detail", args=[lead.pk])

    async def scenario() -> Any:
        async with page(client, {"id": "lead-body", "url": url, "topics": ["leads"]}) as opened:
            await asyncio.to_thread(live.broadcast, "leads")
            return await heard(opened)

    parts, _ = async_to_sync(scenario)()
    assert 'name="csrfmiddlewaretoken" value=""' in parts["lead-body"]


def test_without_valkey_a_change_is_made_all_the_same(
    db: None, caplog: pytest.LogCaptureFixture, settings: Any
) -> None:
    layer = {**settings.CHANNEL_LAYERS["default"]}
    layer["CONFIG"] = {**layer["CONFIG"], "hosts": [{"address": "unix:///nowhere/valkey.sock"}]}
    settings.CHANNEL_LAYERS = {"default": layer}
    received()
    client = of(make_user())
    assert "1 waiting" in client.get("/approvals/").content.decode()


def test_the_cookie_of_a_session_is_all_that_is_asked_with() -> None:
    scope = {
        "headers": [(b"host", b"localhost"), (b"cookie", b"sessionid=s; messages=secret")],
        "cookies": {settings.SESSION_COOKIE_NAME: "s", "messages": "secret"},
        "scheme": "ws",
    }
    request = shared._request(scope, shared.Shown("queue", "/approvals/?q=a%26b", frozenset()))
    assert request.COOKIES == {settings.SESSION_COOKIE_NAME: "s"}
    assert (request.path, request.GET["q"]) == ("/approvals/", "a&b")
    assert request.headers["HX-Target"] == "queue"
