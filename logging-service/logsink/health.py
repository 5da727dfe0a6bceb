"""`GET /health` and `GET /health/live` of the log server (port 9998)."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiohttp import web


@asynccontextmanager
async def answering(
    host: str, port: int, report: Callable[[], Mapping[str, Any]]
) -> AsyncIterator[int]:
    """
    Answers while open; the port. Raises `OSError` when it cannot be had.

    `report` is the body of `/health`; its `status` "unhealthy" makes it a 503.
    """

    async def health(_: web.Request) -> web.Response:
        body = report()
        return _json(body, status=503 if body["status"] == "unhealthy" else 200)

    async def live(_: web.Request) -> web.Response:
        return _json({"status": "live"})

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


def _json(body: Mapping[str, Any], *, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")
