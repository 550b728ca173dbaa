"""The live connection: tells an open page which topics changed, and nothing else."""

from typing import Any

from channels.generic.websocket import AsyncJsonWebsocketConsumer

from agency import live

NOT_LOGGED_IN = 4401


class LiveConsumer(AsyncJsonWebsocketConsumer):
    """Pass topics on to a logged-in browser. What changed is fetched, and checked, by HTTP."""

    async def connect(self) -> None:
        """Accept, then close with 4401 without a login: a close before accepting has no code."""
        await self.accept()
        if not self.scope["user"].is_authenticated:
            await self.close(code=NOT_LOGGED_IN)
            return
        await self.channel_layer.group_add(live.GROUP, self.channel_name)

    async def disconnect(self, code: int) -> None:
        """Leave the group."""
        await self.channel_layer.group_discard(live.GROUP, self.channel_name)

    async def live_topics(self, event: dict[str, Any]) -> None:
        """Send on what `agency.live` says."""
        await self.send_json({"topics": event["topics"]})
