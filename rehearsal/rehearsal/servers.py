"""The servers on their ports, for as long as a `with` block lasts."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from rehearsal.beside import beside
from rehearsal.discord.app import discord_app
from rehearsal.discord.stage import Discord
from rehearsal.life import Life
from rehearsal.ollama.app import ollama_app
from rehearsal.openai.app import openai_app
from rehearsal.pace import Pace
from rehearsal.stage import Rehearsal

OLLAMA_PORT = 11500
OPENAI_PORT = 11501
DISCORD_PORT = 11502
SHUTDOWN_SECONDS = 0.05
"""Streams still open at the end are cut off; nobody's work is lost in a rehearsal."""


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the servers listen; `discord_url` is the root of the stand-in, None without one."""

    ollama_url: str
    openai_url: str
    rehearsal: Rehearsal
    discord_url: str | None = None


@asynccontextmanager
async def running(
    rehearsal: Rehearsal,
    *,
    host: str = "127.0.0.1",
    ollama_port: int = OLLAMA_PORT,
    openai_port: int = OPENAI_PORT,
    discord_port: int | None = None,
) -> AsyncIterator[Servers]:
    """
    Serve `rehearsal` on its ports until the block ends; port 0 picks a free one.

    Discord is played only where `discord_port` is given.
    `openai_url` is the root: an OpenAI client's base address is that with `/v1` behind it.
    Raises `OSError` when a port is taken.
    """
    ollama, openai = Life(), Life()
    apps = ollama_app(rehearsal, ollama), openai_app(rehearsal, openai)
    async with (
        rehearsal.ballast.aboard(),
        _listening(apps[0], host, ollama_port, ollama, rehearsal.pace) as ollama_url,
        _listening(apps[1], host, openai_port, openai, rehearsal.pace) as openai_url,
        AsyncExitStack() as also,
    ):
        discord_url = None
        if discord_port is not None:
            playing = playing_discord(rehearsal.discord, host=host, port=discord_port)
            discord_url = await also.enter_async_context(playing)
        yield Servers(ollama_url, openai_url, rehearsal, discord_url)


@asynccontextmanager
async def playing_discord(
    discord: Discord, *, host: str = "127.0.0.1", port: int = DISCORD_PORT
) -> AsyncIterator[str]:
    """
    Serve the stand-in Discord alone until the block ends, and give its root address.

    REST is at `/api/v10`, the gateway at `/gateway`, the page at `/`. Raises `OSError`.
    """
    life = Life()
    app = discord_app(discord, life)
    async with _listening(app, host, port, life, Pace(discord.state.clock)) as url:
        discord.state.origin = url
        yield url


@asynccontextmanager
async def _listening(
    app: web.Application, host: str, port: int, life: Life, pace: Pace
) -> AsyncIterator[str]:
    # handler_cancellation: a client who leaves in the silence before the first token is noticed.
    runner = web.AppRunner(
        app, access_log=None, handler_cancellation=True, shutdown_timeout=SHUTDOWN_SECONDS
    )
    await runner.setup()
    try:
        await life.begin()
        site = web.TCPSite(runner, host, port)
        await site.start()
        taken = runner.addresses[0][1]
        name = f"[{host}]" if ":" in host else host
        async with beside() as tasks:
            tasks.start_soon(_reborn, runner, site, host, taken, life, pace)
            yield f"http://{name}:{taken}"
    finally:
        await runner.cleanup()


async def _reborn(
    runner: web.AppRunner, site: web.TCPSite, host: str, port: int, life: Life, pace: Pace
) -> None:
    """Each time `life` ends: refuse connections, tear down those there are, come back."""
    while True:
        down_seconds = await life.death()
        await site.stop()
        assert runner.server is not None
        for connection in runner.server.connections:
            if connection.transport is not None:
                connection.transport.abort()
        await pace.sleep(down_seconds)
        await life.begin()
        site = web.TCPSite(runner, host, port)
        await site.start()
