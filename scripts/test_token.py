"""
Does DISCORD_TOKEN work? Says who the bot is, what is switched off, and how to invite it.

    .venv/bin/python scripts/test_token.py
"""

import sys

import anyio
import discord

from bot.client import Refused, intents, invite_url, sign_in, use_addresses
from bot.config import Settings
from shared.settings import load_settings


async def check(settings: Settings) -> int:
    """0 when the token is good, 1 with a sentence when it is not."""
    use_addresses(settings.discord_api_base, settings.discord_gateway_url)
    token = settings.discord_token
    async with discord.Client(intents=intents()) as client:
        try:
            await sign_in(client, token.get_secret_value() if token else None)
        except Refused as refusal:
            print(refusal)
            return 1
        except (OSError, discord.HTTPException) as failure:
            print(f"Discord cannot be asked right now: {failure}")
            return 1
        application = await client.application_info()
        assert client.user is not None
        print(f"The token is good: {client.user} ({client.user.id}).")
        flags = application.flags
        if not (flags.gateway_message_content or flags.gateway_message_content_limited):
            print("Message Content Intent is off: switch it on in the developer portal (Bot).")
        if not (flags.gateway_guild_members or flags.gateway_guild_members_limited):
            print("Server Members Intent is off: switch it on in the developer portal (Bot).")
        print(f"Invite it: {invite_url(application.id)}")
    return 0


if __name__ == "__main__":
    sys.exit(anyio.run(check, load_settings(Settings)))
