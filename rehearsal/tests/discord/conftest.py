"""The stand-in Discord on a free port, and the real discord.py client against it."""

from collections.abc import AsyncIterator

import pytest
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from discord_client import Client, connected
from rehearsal import playing_discord
from rehearsal.discord import Discord, Limit, Limits


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def stage() -> Discord:
    """Rate limits ten times faster than the real ones."""
    return Discord(limits=Limits(write=Limit(5, 0.5), react=Limit(1, 0.03)))


@pytest.fixture
async def url(stage: Discord, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    async with playing_discord(stage, port=0) as root:
        monkeypatch.setattr(Route, "BASE", f"{root}/api/v10")
        gateway = yarl.URL(root.replace("http", "ws") + "/gateway")
        monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", gateway)
        yield root


@pytest.fixture
async def bot(stage: Discord, url: str) -> AsyncIterator[Client]:
    """A client that is ready; at the end no route may have been unknown."""
    assert url
    async with connected(stage, Client()) as client:
        yield client
    assert stage.unhandled == []
