"""Both servers on their ports, for as long as a `with` block lasts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from rehearsal.beside import beside
from rehearsal.life import Life
from rehearsal.ollama.app import ollama_app
from rehearsal.openai.app import openai_app
from rehearsal.pace import Pace
from rehearsal.stage import Rehearsal

OLLAMA_PORT = 11500
OPENAI_PORT = 11501
SHUTDOWN_SECONDS = 0.05
"""Streams still open at the end are cut off; nobody's work is lost in a rehearsal."""


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the two servers listen."""

    ollama_url: str
    openai_url: str
    rehearsal: Rehearsal


@asynccontextmanager
async def running(
    rehearsal: Rehearsal,
    *,
    host: str = "127.0.0.1",
    ollama_port: int = OLLAMA_PORT,
    openai_port: int = OPENAI_PORT,
) -> AsyncIterator[Servers]:
    """
    Serve `rehearsal` on both ports until the block ends; port 0 picks a free one.

    `openai_url` is the root: an OpenAI client's base address is that with `/v1` behind it.
    Raises `OSError` when a port is taken.
    """
    ollama, openai = Life(), Life()
    apps = ollama_app(rehearsal, ollama), openai_app(rehearsal, openai)
    async with (
        rehearsal.ballast.aboard(),
        _listening(apps[0], host, ollama_port, ollama, rehearsal.pace) as ollama_url,
        _listening(apps[1], host, openai_port, openai, rehearsal.pace) as openai_url,
    ):
        yield Servers(ollama_url, openai_url, rehearsal)


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
