"""`python -m auth`: settings, the parts, and the server in front of them."""

import signal
import sys
from contextlib import AsyncExitStack

import anyio
import structlog
import uvicorn

from auth.config import Settings
from auth.main import create_app
from auth.wiring import running
from shared.log import configure
from shared.settings import load_settings

log = structlog.get_logger("auth")
GRACEFUL_SECONDS = 5


async def serve(settings: Settings) -> int:
    """Serve until a signal comes; the exit code."""
    async with AsyncExitStack() as stack:
        try:
            auth = await stack.enter_async_context(running(settings))
        except ValueError as wrong:
            log.error("auth.refused", message=str(wrong))
            return 2
        config = uvicorn.Config(
            create_app(auth),
            host=settings.listens_on,
            port=settings.auth_port,
            ws="none",
            lifespan="off",
            # The address of a caller slows guessing down; a header must not be able to change it.
            proxy_headers=False,
            server_header=False,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=GRACEFUL_SECONDS,
        )
        # Uvicorn raises the signal again when it has stopped; without a receiver that would be the
        # end of the process before the store is closed.
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM):
            try:
                await uvicorn.Server(config).serve()
            except SystemExit as cannot_listen:  # a task group would make a group of it
                return int(cannot_listen.code or 0)
    return 0


def main() -> None:
    """Exit codes: 0 stopped, 2 wrong settings, 3 cannot listen (uvicorn's own)."""
    settings = load_settings(Settings)
    configure("auth-service", level=settings.log_level, server=settings.log_server)
    sys.exit(anyio.run(serve, settings))


if __name__ == "__main__":
    main()
