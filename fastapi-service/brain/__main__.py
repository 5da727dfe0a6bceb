"""`python -m brain`: settings, the brain, and the server in front of it."""

import gc
import signal
import sys

import anyio
import structlog
import uvicorn

from brain.api.stopping import PoliteServer
from brain.catalogue.profile import ProfileError
from brain.config import Settings
from brain.jobs.errors import Superseded
from brain.main import create_app
from brain.vram.servers_file import ServersFileError
from brain.wiring import running
from shared.log import configure
from shared.protocol import MAX_FRAME_BYTES
from shared.settings import load_settings

log = structlog.get_logger("brain")
GRACEFUL_SECONDS = 5
SUPERSEDED = 4
SWITCH_SECONDS = 0.0005
"""How long the event loop may keep a thread waiting that has a row for it; by default 5 ms."""


async def serve(settings: Settings) -> int:
    """Serve until a signal comes or another brain takes over; the exit code."""
    async with running(settings) as brain:
        config = uvicorn.Config(
            create_app(brain),
            host=settings.listens_on,
            port=settings.brain_port,
            ws="websockets-sansio",
            ws_max_size=MAX_FRAME_BYTES,
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=GRACEFUL_SECONDS,
        )
        # What is there now stays: 200,000 objects of libraries that a full collection would look
        # through, stopping every stream for 40 ms.
        gc.collect()
        gc.freeze()
        sys.setswitchinterval(SWITCH_SECONDS)
        # Uvicorn raises the signal again when it has stopped; without a receiver that would end the
        # process before the store and the connections to the model servers are closed.
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM):
            try:
                await PoliteServer(config, brain.outboxes).serve()
            except SystemExit as cannot_listen:  # a task group would make a group of it
                return int(cannot_listen.code or 0)
    return 0


def main() -> None:
    """Exit codes: 0 stopped, 2 wrong settings, 3 cannot listen, 4 replaced by another brain."""
    settings = load_settings(Settings)
    configure("fastapi-service", level=settings.log_level, server=settings.log_server)
    try:
        sys.exit(_serve_until_superseded(settings))
    except (ProfileError, ServersFileError, ValueError) as wrong:
        print(f"Cannot start ({_variable(wrong)}): {wrong}", file=sys.stderr)  # noqa: T201 - the operator's sentence
        sys.exit(2)


def _variable(wrong: Exception) -> str:
    match wrong:
        case ProfileError():
            return "VRAM_PROFILE"
        case ServersFileError():
            return "MODEL_SERVERS_FILE"
        case _:
            return "see .env"


def _serve_until_superseded(settings: Settings) -> int:
    try:
        return anyio.run(serve, settings, backend_options={"use_uvloop": sys.platform != "win32"})
    except* Superseded:
        log.error("brain.superseded", message="Another brain uses this store; this one stops.")
    return SUPERSEDED


if __name__ == "__main__":
    main()
