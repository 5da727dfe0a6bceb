"""The real discord.py client, noting everything it was told."""

from typing import Any

import discord


class Client(discord.Client):
    """discord.py as it is, without the pauses it makes for the sake of the real Discord."""

    def __init__(self) -> None:
        intents = discord.Intents.default()
        intents.message_content = True
        super().__init__(intents=intents, guild_ready_timeout=0.02)
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
