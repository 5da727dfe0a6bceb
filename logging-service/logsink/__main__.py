"""`python -m logsink`: settings, the parts, and the ports in front of them."""

import signal
import sys

import anyio
import structlog

from logsink.config import Settings
from logsink.main import Sink
from shared.clock import SystemClock
from shared.log import configure
from shared.settings import load_settings

log = structlog.get_logger("logsink")
WRONG_SETTINGS = 2
CANNOT_LISTEN = 3


async def serve(sink: Sink) -> int:
    """Until a signal comes; the exit code."""
    status = 0
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        try:
            async with sink.serving():
                async for _ in signals:
                    break
        except* OSError as taken:
            log.error("sink.cannot_listen", error=str(taken.exceptions[0]))
            status = CANNOT_LISTEN
    return status


def main() -> None:
    """Exit codes: 0 stopped, 2 wrong settings, 3 cannot listen."""
    settings = load_settings(Settings)
    try:
        sink = Sink(settings, clock=SystemClock())
    except OSError as unusable:
        print(f"Cannot start: LOG_DIR cannot be used: {unusable}.", file=sys.stderr)  # noqa: T201 - the operator's sentence
        sys.exit(WRONG_SETTINGS)
    configure("logging-service", level=settings.log_level, ship=sink.intake.say)
    sys.exit(anyio.run(serve, sink))


if __name__ == "__main__":
    main()
