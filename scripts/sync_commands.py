"""
Tell Discord which slash commands there are; the bot does so too when it starts.

    .venv/bin/python scripts/sync_commands.py            everywhere (Discord takes a moment)
    .venv/bin/python scripts/sync_commands.py 123456     in one server, at once
"""

import sys

import anyio
import discord

from bot.client import Refused, intents, sign_in, use_addresses
from bot.commands.cog import command_tree
from bot.config import Settings
from shared.settings import load_settings


async def sync(settings: Settings, guild_id: int | None) -> int:
    """0 when Discord has taken them, 1 with a sentence when not."""
    use_addresses(settings.discord_api_base, settings.discord_gateway_url)
    token = settings.discord_token
    async with discord.Client(intents=intents()) as client:
        try:
            await sign_in(client, token.get_secret_value() if token else None)
            tree = command_tree(client, None)
            guild = discord.Object(guild_id) if guild_id else None
            if guild is not None:
                tree.copy_global_to(guild=guild)
            synced = await tree.sync(guild=guild)
        except Refused as refusal:
            print(refusal)
            return 1
        except (OSError, discord.HTTPException) as failure:
            print(f"Discord did not take the commands: {failure}")
            return 1
    print("Synced: " + " ".join(f"/{command.name}" for command in synced))
    return 0


if __name__ == "__main__":
    chosen = int(sys.argv[1]) if len(sys.argv) > 1 else None
    sys.exit(anyio.run(sync, load_settings(Settings), chosen))
