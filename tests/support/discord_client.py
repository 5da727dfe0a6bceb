"""The real discord.py client, noting everything it was told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import discord

from rehearsal.discord import Discord


class Client(discord.Client):
    """discord.py as it is, without the pauses it makes for the sake of the real Discord."""

    def __init__(self, *, heartbeat_timeout: float = 60.0) -> None:
        intents = discord.Intents.default()
        intents.message_content = True
        super().__init__(
            intents=intents, guild_ready_timeout=0.02, heartbeat_timeout=heartbeat_timeout
        )
        self.tree = discord.app_commands.CommandTree(self)
        self.seen: list[tuple[str, Any]] = []
        self.resumes = 0

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Five seconds in the original."""

    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:
        self.seen.append((event, args))
        super().dispatch(event, *args, **kwargs)

    def of(self, event: str) -> list[Any]:
        """The first argument of every `event` so far."""
        return [args[0] for name, args in self.seen if name == event]


@asynccontextmanager
async def connected(stage: Discord, client: Client) -> AsyncIterator[Client]:
    """The client signed in and ready, until the block ends."""
    async with anyio.create_task_group() as tasks:
        await client.login(stage.token)
        tasks.start_soon(client.connect)
        with anyio.fail_after(5):
            await client.wait_until_ready()
        yield client
        await client.close()
        tasks.cancel_scope.cancel()
