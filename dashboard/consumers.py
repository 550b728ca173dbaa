"""The live connection: pushes to an open page the parts of it that changed.

It is told the topics too, and fetches by itself what could not be pushed.
"""

import json
import uuid
from functools import partial
from typing import Any

from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.db import DatabaseError

from agency import live
from dashboard import shared
from dashboard.shared import Once, Shown

NOT_LOGGED_IN = 4401

_logins: Once[frozenset[str]] = Once()
_parts: Once[str] = Once()
_open: set["LiveConsumer"] = set()


class LiveConsumer(AsyncJsonWebsocketConsumer):
    """One open page of a logged-in browser."""

    shows: list[Shown]

    async def connect(self) -> None:
        """Accept once nothing can be missed any more; without a login, close with 4401.

        Only after accepting, too: a close before it has no code.
        """
        self.shows = []
        if not self.scope["user"].is_authenticated:
            await self.accept()
            await self.close(code=NOT_LOGGED_IN)
            return
        await self.channel_layer.group_add(live.GROUP, self.channel_name)
        _open.add(self)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        """Leave the group."""
        _open.discard(self)
        await self.channel_layer.group_discard(live.GROUP, self.channel_name)

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        """Note which live parts the page shows now; one just opened gets what changed meanwhile."""
        if not isinstance(content, dict):
            return
        self.shows = shared.read(content.get("shows"))
        since = content.get("since")
        if isinstance(since, int | float):
            topics = await live.changed_since(since)
            if topics is None:
                await self.send_json({"topics": ["refresh"], "pushed": []})
            elif topics:
                await self.live_topics({"topics": topics, "change": uuid.uuid4().hex})

    async def live_topics(self, event: dict[str, Any]) -> None:
        """Push what is shown of the topics, then name the topics and what of them was pushed."""
        change = event["change"]
        try:
            logins = await _logins.get(change, lambda: shared.logged_in(map(_session, _open)))
        except DatabaseError:
            await self.send_json({"topics": event["topics"], "pushed": []})
            return
        if _session(self) not in logins:
            await self.close(code=NOT_LOGGED_IN)
            return
        pushed = []
        for shown in self.shows:
            if not shown.topics.isdisjoint(event["topics"]):
                part = await _parts.get(
                    (change, self.scope["user"].pk, shown), partial(self.part, shown)
                )
                if part:
                    await self.send(part)
                    pushed.append(shown.id)
        await self.send_json({"topics": event["topics"], "pushed": pushed})

    async def part(self, shown: Shown) -> str:
        """Return the message that pushes a part; nothing where there is none."""
        html = await shared.fetch(self.scope, shown)
        return json.dumps({"id": shown.id, "url": shown.url, "html": html}) if html else ""


def _session(page: LiveConsumer) -> str:
    return page.scope["session"].session_key or ""
