"""`GET /health` and `GET /health/live` of the bot (protocol section 5)."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass

import orjson
from aiohttp import web

from bot import VERSION
from shared.clock import Clock, iso


@dataclass(frozen=True, slots=True)
class Facts:
    """How the bot is; `latency_ms` is that of Discord's gateway."""

    websocket_connected: bool
    discord_connected: bool
    guilds: int
    latency_ms: float | None

    @property
    def status(self) -> str:
        """Without one of its two connections the bot serves nobody, but it comes back by itself."""
        return "healthy" if self.websocket_connected and self.discord_connected else "degraded"


@asynccontextmanager
async def serving(
    host: str,
    port: int,
    facts: Callable[[], Facts],
    *,
    settled: Callable[[], bool],
    clock: Clock,
) -> AsyncIterator[int]:
    """
    Answers while open; the port it listens on. Raises `OSError` when it cannot.

    It is live from the moment `settled` is true on.
    """

    async def health(_: web.Request) -> web.Response:
        now = facts()
        head = {"status": now.status, "timestamp": iso(clock.now())}
        return _json(head | {"service": "discord-bot", "version": VERSION} | asdict(now))

    async def live(_: web.Request) -> web.Response:
        return _json({"status": "live"}) if settled() else web.Response(status=503)

    app = web.Application()
    app.router.add_get("/health", health)
    app.router.add_get("/health/live", live)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _json(body: object) -> web.Response:
    return web.Response(body=orjson.dumps(body), content_type="application/json")
