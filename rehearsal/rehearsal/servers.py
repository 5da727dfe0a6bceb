"""Both servers on their ports, for as long as a `with` block lasts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from rehearsal.ollama.app import ollama_app
from rehearsal.openai.app import openai_app
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
    async with (
        _listening(ollama_app(rehearsal), host, ollama_port) as ollama_url,
        _listening(openai_app(rehearsal), host, openai_port) as openai_url,
    ):
        yield Servers(ollama_url, openai_url, rehearsal)


@asynccontextmanager
async def _listening(app: web.Application, host: str, port: int) -> AsyncIterator[str]:
    # handler_cancellation: a client who leaves in the silence before the first token is noticed.
    runner = web.AppRunner(
        app, access_log=None, handler_cancellation=True, shutdown_timeout=SHUTDOWN_SECONDS
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        name = f"[{host}]" if ":" in host else host
        yield f"http://{name}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
