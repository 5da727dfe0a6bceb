"""The web server: Streamlit's own application, with our health reports and a guard before it."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import streamlit as st
import structlog
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.web.bootstrap import load_config_options

from shared.clock import SystemClock
from shared.errors import BoundaryError, Forbidden
from shared.health import Health, Level
from ui import VERSION
from ui.api_client import Door
from ui.config import Settings
from ui.parts import parts

log = structlog.get_logger(__name__)
CRASHED = (
    "Something went wrong inside Trollama; the operator finds it in the log. "
    "Please reload this page."
)
GUARDS = [
    (b"x-frame-options", b"DENY"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
]
SCRIPT = Path(__file__).with_name("app.py")


def create_app(settings: Settings) -> st.App:
    """The pages and the health reports."""
    load_config_options(options(settings))
    return st.App(
        SCRIPT,
        routes=[
            Route("/health", _health, methods=["GET"]),
            Route("/health/live", _live, methods=["GET"]),
        ],
        middleware=[Middleware(SamePage, allowed_origins=settings.page_origins)],
        on_script_error=_crashed,
    )


def options(settings: Settings) -> dict[str, Any]:
    """Streamlit's settings: nothing leaves for its makers, nothing for developers is shown."""
    return {
        "browser.gatherUsageStats": False,
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        "client.toolbarMode": "minimal",
        "logger.enableRich": False,
        "logger.level": "warning",
        "runner.magicEnabled": False,
        # A full collection after each run takes most of its time; Python collects by itself.
        "runner.postScriptGC": False,
        "server.address": settings.listens_on,
        "server.port": settings.ui_port,
        "server.corsAllowedOrigins": list(settings.page_origins),
        "server.fileWatcherType": "none",
        "server.headless": True,
        "server.maxUploadSize": settings.max_upload_mb,
        # One theme each, so that the page follows the light or dark of the browser.
        "theme.light.primaryColor": "#0f766e",
        "theme.dark.primaryColor": "#0f766e",
    }


class SamePage:
    """
    Refuses what a page of another site sends (protocol section 2), and to be shown inside of one.

    Streamlit would ask a server on the internet for the address of this machine before it refuses.
    """

    def __init__(self, app: ASGIApp, *, allowed_origins: tuple[str, ...]) -> None:
        self._app = app
        self._allowed_origins = allowed_origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and not self._welcome(Headers(scope=scope)):
            refusal = Forbidden("Pages of this origin may not talk to Trollama (ALLOWED_ORIGINS).")
            if scope["type"] == "websocket":
                await receive()
                await send({"type": "websocket.close", "code": 1008})
            else:
                await JSONResponse(refusal.body(), refusal.status)(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *GUARDS]
            await send(message)

        await self._app(scope, receive, send_guarded)

    def _welcome(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        if origin is None or origin.rstrip("/") in self._allowed_origins:
            return True
        return urlsplit(origin).netloc == headers.get("host")


def _crashed(failure: Exception) -> bool:
    """Say so, and tell Streamlit that it is said."""
    log.error("page.crashed", exc_info=failure)
    st.error(CRASHED)
    return True


async def _live(_: Request) -> JSONResponse:
    """The process serves."""
    return JSONResponse({"status": "alive"})


async def _health(_: Request) -> JSONResponse:
    """One report: this process, and whether it reaches the others."""
    levels: dict[str, Level] = {}
    for name, door in (("brain", parts().brain), ("auth", parts().auth)):
        levels[name] = await anyio.to_thread.run_sync(_level, door)
    return JSONResponse(Health("streamlit-ui", VERSION, levels).report(now=SystemClock().now()))


def _level(door: Door) -> Level:
    try:
        door.get("/health/live")
    except BoundaryError:
        return "degraded"
    return "healthy"
