"""`python -m ui`: settings, the parts, and the server in front of them."""

import signal

import anyio
import uvicorn

from shared.log import configure
from shared.settings import load_settings
from ui.config import Settings
from ui.parts import opened
from ui.server import create_app

GRACEFUL_SECONDS = 2


async def serve(settings: Settings) -> None:
    """Serve until a signal comes."""
    config = uvicorn.Config(
        create_app(settings),
        host=settings.listens_on,
        port=settings.ui_port,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        lifespan="on",
        server_header=False,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )
    # Uvicorn raises the signal again when it has stopped; without a receiver the threads that speak
    # to the other services would not be ended.
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM):
        await uvicorn.Server(config).serve()


def main() -> None:
    """Exit codes: 0 stopped, 2 wrong settings, 3 cannot listen (uvicorn's own)."""
    settings = load_settings(Settings)
    configure("streamlit-ui", level=settings.log_level, server=settings.log_server)
    with opened(settings):
        anyio.run(serve, settings)


if __name__ == "__main__":
    main()
