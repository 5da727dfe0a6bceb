"""The stand-in Discord on a free port, and the real discord.py client against it."""

from collections.abc import AsyncIterator

import anyio
import pytest
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from discord_client import Client
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
    client = Client()
    async with anyio.create_task_group() as tasks:
        await client.login(stage.token)
        tasks.start_soon(client.connect)
        with anyio.fail_after(5):
            await client.wait_until_ready()
        yield client
        await client.close()
        tasks.cancel_scope.cancel()
    assert stage.unhandled == []
